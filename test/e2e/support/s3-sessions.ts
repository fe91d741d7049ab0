import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HOST, ROOT_ENV, S3_KEYS, s3Server, server, VERSITYGW } from './stores.ts';

/** Keys for a while, as STS gives them. */
export type Session = { accessKeyId: string; secretAccessKey: string; sessionToken: string };

const ROLE = 'uploader';
const ARN = `arn:aws:iam::123456789012:role/${ROLE}`;
const EVERYONE = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: '*', Action: 'sts:AssumeRole' }] };
const ALL = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] };

/** versitygw beside a service of its users on the port after it: one role, with sessions that end. */
export function s3WithSessions(port: number) {
  const root = mkdtempSync(join(tmpdir(), 'retina-iam-'));
  const socket = join(root, 'iam.sock');
  const file = join(root, 'iam', 'iam.json');
  mkdirSync(join(root, 'iam'));
  const now = new Date().toISOString();
  const sessions: Record<string, object> = {};
  const write = (): void => {
    const inline = [{ PolicyName: 'all', PolicyDocument: JSON.stringify(ALL), CreateDate: now, UpdateDate: now }];
    const role = { Path: '/', RoleName: ROLE, RoleID: 'AROATESTTESTTESTTEST', Arn: ARN, CreateDate: now };
    const AssumeRolePolicyDocument = JSON.stringify(EVERYONE);
    const Roles = { [ROLE]: { ...role, AssumeRolePolicyDocument, MaxSessionDuration: 3600, Policies: { inline } } };
    writeFileSync(file, JSON.stringify({ users: {}, roles: Roles, roleNameIndex: { [ROLE]: ROLE }, sessions }));
  };
  const keep = (session: Session, seconds: number): void => {
    const who = { roleArn: ARN, roleName: ROLE, roleId: 'AROATESTTESTTESTTEST', roleSessionName: 'test' };
    const by = { provider: 'test', audience: 'test', subject: 'test', createDate: now };
    const expiration = new Date(Date.now() + seconds * 1000).toISOString();
    sessions[session.accessKeyId] = { ...session, ...who, ...by, expiration };
    write();
  };
  write();
  const iam = server(port + 1, '/healthz', () => {
    const listen = ['-q', '--port', `${HOST}:${port + 1}`, '--health', '/healthz'];
    return {
      argv: [VERSITYGW, ...listen, 'iam', '--dir', join(root, 'iam'), '--private-ports', socket],
      env: ROOT_ENV,
    };
  });
  const store = s3Server(port, { iamSocket: socket });
  return {
    ...store,
    start: () => iam.start().then(store.start),
    end: async () => {
      await Promise.all([store.end(), iam.end()]);
      rmSync(root, { recursive: true });
    },
    /** A session of an hour. */
    begin: (): Session => {
      const number = String(Object.keys(sessions).length).padStart(4, '0');
      const session = {
        accessKeyId: `ASIATESTTESTTEST${number}`,
        secretAccessKey: `${S3_KEYS.secretAccessKey}${number}`,
        sessionToken: `token/+=${number}`,
      };
      keep(session, 3600);
      return session;
    },
    /** Ends a session: whoever uses it is refused from now on. */
    expire: (session: Session): void => keep(session, -1),
  };
}
