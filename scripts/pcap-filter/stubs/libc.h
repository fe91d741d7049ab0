/* The only "system header" of the build: everything libpcap's filter compiler needs from a C
 * library, for freestanding wasm32. The script build writes one-line headers that include it under the
 * names libpcap asks for (stdio.h, sys/socket.h, linux/filter.h ...). */
#ifndef PF_LIBC_H
#define PF_LIBC_H
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* sys/types.h, signal.h, sys/time.h */
typedef unsigned char u_char;
typedef unsigned short u_short;
typedef unsigned int u_int;
typedef unsigned long u_long;
typedef long ssize_t;
typedef int sig_atomic_t;
struct timeval { long tv_sec; long tv_usec; };

/* stdio.h */
typedef struct pf_file FILE;
#define EOF (-1)
#define stdin ((FILE *)0)
#define stdout ((FILE *)0)
#define stderr ((FILE *)0)
int snprintf(char *, size_t, const char *, ...) __attribute__((format(printf, 3, 4)));
int vsnprintf(char *, size_t, const char *, va_list);
int sscanf(const char *, const char *, ...);
int printf(const char *, ...);
int fprintf(FILE *, const char *, ...);

/* stdlib.h, errno.h */
void *malloc(size_t);
void *calloc(size_t, size_t);
void *realloc(void *, size_t);
void free(void *);
_Noreturn void abort(void);
_Noreturn void exit(int);
extern int errno;
#define EINTR 27
#define EINVAL 28
#define ENOMEM 48

/* string.h */
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
size_t strlen(const char *);
size_t strlcpy(char *, const char *, size_t);
size_t strlcat(char *, const char *, size_t);
int strcmp(const char *, const char *);
int strncmp(const char *, const char *, size_t);
char *strchr(const char *, int);
char *strdup(const char *);
int ffs(int);

/* Kept up to date by the scanner (YY_USER_ACTION and yyterminate in the script build), told by glue.c. */
extern int pf_token_start, pf_token_end, pf_at_end;

/* setjmp.h. Every longjmp in the compiler means "it failed, the text is in errbuf": here it sets a
 * flag and traps; the caller reads errbuf and drops the whole instance. */
typedef int jmp_buf[1];
#define setjmp(env) ((void)(env), 0)
_Noreturn void longjmp(jmp_buf, int);

/* sys/socket.h, netinet/in.h, arpa/inet.h */
#define AF_UNSPEC 0
#define PF_UNSPEC 0
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define IPPROTO_ICMP 1
#define IPPROTO_IGMP 2
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_IPV6 41
#define IPPROTO_HOPOPTS 0
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_ESP 50
#define IPPROTO_AH 51
#define IPPROTO_ICMPV6 58
#define IPPROTO_NONE 59
#define IPPROTO_DSTOPTS 60
#define IPPROTO_PIM 103
#define IPPROTO_SCTP 132
typedef unsigned short sa_family_t;
typedef uint32_t in_addr_t;
struct in_addr { in_addr_t s_addr; };
struct in6_addr { union { uint8_t u8[16]; uint16_t u16[8]; uint32_t u32[4]; } in6_u; };
#define s6_addr in6_u.u8
struct sockaddr { sa_family_t sa_family; char sa_data[14]; };
struct sockaddr_in { sa_family_t sin_family; uint16_t sin_port; struct in_addr sin_addr; char pad[8]; };
struct sockaddr_in6 {
	sa_family_t sin6_family; uint16_t sin6_port; uint32_t sin6_flowinfo;
	struct in6_addr sin6_addr; uint32_t sin6_scope_id;
};
static inline uint16_t ntohs(uint16_t x) { return __builtin_bswap16(x); }
static inline uint32_t ntohl(uint32_t x) { return __builtin_bswap32(x); }
#define htons ntohs
#define htonl ntohl

/* netdb.h, netinet/ether.h */
struct addrinfo {
	int ai_flags, ai_family, ai_socktype, ai_protocol;
	unsigned ai_addrlen;
	struct sockaddr *ai_addr;
	char *ai_canonname;
	struct addrinfo *ai_next;
};
#define AI_NUMERICHOST 4
#define EAI_NONAME (-2)
#define EAI_SERVICE (-8)
struct hostent { char *h_name, **h_aliases; int h_addrtype, h_length; char **h_addr_list; };
#define h_addr h_addr_list[0]
struct netent { char *n_name, **n_aliases; int n_addrtype; uint32_t n_net; };
struct protoent { char *p_name, **p_aliases; int p_proto; };
struct ether_addr { unsigned char ether_addr_octet[6]; };
int getaddrinfo(const char *, const char *, const struct addrinfo *, struct addrinfo **);
void freeaddrinfo(struct addrinfo *);
struct hostent *gethostbyname(const char *);
struct netent *getnetbyname(const char *);
struct protoent *getprotobyname(const char *);
int ether_hostton(const char *, struct ether_addr *);

/* linux/filter.h, linux/if_packet.h: what a Linux libpcap (the one on the node) compiles in */
#define SKF_AD_OFF (-0x1000)
#define SKF_AD_PROTOCOL 0
#define SKF_AD_PKTTYPE 4
#define SKF_AD_IFINDEX 8
#define SKF_AD_NLATTR 12
#define SKF_AD_NLATTR_NEST 16
#define SKF_AD_MARK 20
#define SKF_AD_QUEUE 24
#define SKF_AD_HATYPE 28
#define SKF_AD_RXHASH 32
#define SKF_AD_CPU 36
#define SKF_AD_ALU_XOR_X 40
#define SKF_AD_VLAN_TAG 44
#define SKF_AD_VLAN_TAG_PRESENT 48
#define SKF_AD_PAY_OFFSET 52
#define SKF_AD_RANDOM 56
#define SKF_AD_VLAN_TPID 60
#define SKF_AD_MAX 64
#define PACKET_HOST 0
#define PACKET_BROADCAST 1
#define PACKET_MULTICAST 2
#define PACKET_OTHERHOST 3
#define PACKET_OUTGOING 4
#endif
