/* Exports of the module: libpcap's filter compiler, disassembler, validator and interpreter.
 * One compilation per instance: after an error the instance may have trapped and is dropped. */
#include <config.h>
#include "pcap-int.h"
#include "gencode.h"
#include "optimize.h"

#define EXPORT(name) __attribute__((export_name(name)))

extern int pf_thrown;
extern char pf_unresolved_kind, pf_unresolved[];

int pf_token_start, pf_token_end, pf_at_end;

static pcap_t handle;
static struct bpf_program program;

int pcap_snapshot(pcap_t *p) { return p->snapshot; }
int pcap_datalink(pcap_t *p) { return p->linktype; }
int pcap_datalink_ext(pcap_t *p) { return p->linktype_ext; }
pcap_t *pcap_open_dead(int linktype, int snaplen) { (void)linktype; (void)snaplen; return NULL; }
void pcap_close(pcap_t *p) { (void)p; }
void pcap_fmt_errmsg_for_errno(char *buf, size_t size, int errnum, const char *fmt, ...)
{
	(void)errnum; (void)fmt;
	snprintf(buf, size, "out of memory");
}
/* --- from libpcap's pcap.c, written by the script build: the link types and their names --- */
#include "dlt.inc"

EXPORT("alloc") void *pf_alloc(size_t n) { return malloc(n); }

/* flags: 1 optimize, 2 as a live capture on Linux does (VLAN tags from packet metadata) */
EXPORT("compile") int pf_compile(const char *expression, int linktype, int snaplen, uint32_t netmask, int flags)
{
	handle.activated = 1;
	handle.linktype = linktype;
	handle.snapshot = snaplen;
	if (flags & 2) handle.bpf_codegen_flags |= BPF_SPECIAL_VLAN_HANDLING;
	return pcap_compile(&handle, &program, expression, flags & 1, netmask);
}
EXPORT("error") const char *pf_error(void) { return handle.errbuf; }
EXPORT("thrown") int pf_was_thrown(void) { return pf_thrown; }
EXPORT("unresolvedKind") int pf_get_unresolved_kind(void) { return pf_unresolved_kind; }
EXPORT("unresolved") const char *pf_get_unresolved(void) { return pf_unresolved; }
/* Where the scanner was when the compilation ended: bytes of the token that it gave last; whether it met the end. For a
 * syntax error, that token is the one that the parser could not take. */
EXPORT("tokenStart") int pf_get_token_start(void) { return pf_token_start; }
EXPORT("tokenEnd") int pf_get_token_end(void) { return pf_token_end; }
EXPORT("atEnd") int pf_is_at_end(void) { return pf_at_end; }
EXPORT("program") struct bpf_insn *pf_program(void) { return program.bf_insns; }
EXPORT("length") u_int pf_length(void) { return program.bf_len; }

EXPORT("run") u_int pf_run(const struct bpf_insn *insns, const u_char *packet, u_int wirelen, u_int caplen)
{
	return pcap_filter(insns, packet, wirelen, caplen);
}
