#ifndef ENGINE_STACK_PROBE_H
#define ENGINE_STACK_PROBE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct container;
struct exec_check;
struct error;
struct grpc_check;
struct http_check;
struct http_response;
struct loop;
struct pattern;
struct tcp_check;

/* probe.c, probe_http.c, probe_grpc.c, answer.c: asks a container repeatedly until it is healthy. */
#define PROBE_BODY_MAX (1u << 20) /* bytes of an answer */
#define PROBE_SHOWN_MAX 500       /* bytes of the last answer that are shown */
#define PROBE_REDIRECTS 5
struct probe {
	struct loop *loop;
	const atomic_bool *stop; /* end with ERROR_CANCELLED once it is set; or NULL */
	/* What is asked: one of these, the others are NULL. */
	const struct http_check *http;
	const struct tcp_check *tcp;
	const struct grpc_check *grpc;
	const struct exec_check *exec;
	const char *name;            /* the service's */
	struct pattern *pattern;     /* compiled http->body, or NULL */
	struct container *container; /* or NULL: only the address is known */
	uint16_t inner;              /* the port inside the container */
	const char *host;            /* its address */
	uint16_t port;
	bool inside; /* it cannot be reached from here, and is asked in `netns`, its network namespace */
	int netns;
	bool direct;       /* no proxy accepts connections before the container does */
	struct buf why;    /* why the last attempt failed */
	struct buf answer; /* the last answer's body, when there was one */
	struct buf wrong;  /* what was wrong with that answer */
	long status;       /* the answer's status, 0: none */
};
/* One attempt of at most `limit_ms`: *ret_healthy. Errors: only cancelled and tools. */
int probe_http(struct probe *probe, uint64_t limit_ms, bool *ret_healthy, struct error **err);
int probe_tcp(struct probe *probe, uint64_t limit_ms, bool *ret_healthy, struct error **err);
/* Adds the text of a check's `ca` to *ret, if it has one. ERROR_STATE. */
int probe_authorities(const struct text *ca, struct buf *ret, struct error **err);
int probe_grpc(struct probe *probe, uint64_t limit_ms, bool *ret_healthy, struct error **err);
int probe_exec(struct probe *probe, uint64_t limit_ms, bool *ret_healthy, struct error **err);
/* Checks the answer; if it is not the expected one, *why says what is wrong. */
int probe_judge(const struct http_check *check, const struct pattern *pattern, const struct http_response *response,
		bool *ret_good, struct buf *why, struct error **err);
/* `location` has the same scheme, host and port as `origin` ("http://127.0.0.1:8000"). */
bool probe_same_origin(const char *origin, const char *location);
/* Milliseconds until the next attempt after asking for `spent_ms`: short at first, to notice a listener at once;
 * longer over time, so that asking costs little. */
uint64_t probe_pause(uint64_t spent_ms);
/* Asks until it is healthy, the time is over, or the container has ended. *ret_took is milliseconds. */
enum probe_outcome { PROBE_HEALTHY, PROBE_LATE, PROBE_ENDED };
int probe_wait(struct probe *probe, uint64_t timeout_ms, enum probe_outcome *ret, int *ret_status, uint64_t *ret_took,
	       struct error **err);
void probe_free(struct probe *probe); /* the contents */

#endif
