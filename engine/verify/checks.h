#ifndef ENGINE_VERIFY_CHECKS_H
#define ENGINE_VERIFY_CHECKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "engine/verify/verify.h"

/* What the files of engine/verify/ share; for them alone. */

struct container;
struct container_spec;
struct healthcheck;
struct http_check;
struct http_response;
struct image;
struct pattern;
struct tcp_check;
struct verify_spec;

/* findings.c: what the checks found, good and bad. All failures are collected, not only the first. */
struct findings {
	struct buf *report;      /* one line a check that passed */
	struct buf failures;     /* one paragraph a check that did not */
	bool policy, health;     /* kinds of failures */
	int other;               /* class of the first of another kind, 0: none */
	struct error *cancelled; /* nothing else is to be done */
	char *remedy;
};
__attribute__((format(printf, 2, 3))) void findings_pass(struct findings *findings, const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void findings_fail(struct findings *findings, int cls, const char *fmt, ...);
/* Takes the error; `what` (may be NULL) goes before it. */
void findings_error(struct findings *findings, const char *what, struct error **error);
/* 0 when everything passed. Frees what `findings` holds. */
int findings_result(struct findings *findings, struct error **err);
/* Appends text, made safe for a terminal, each line indented; at most `max` bytes of it. */
void findings_quote(struct buf *out, const char *text, size_t len, size_t max);

/* policy.c: what the image says of itself. */
void policy_check(const struct verify_job *job, struct findings *findings);
/* One platform's image; `where` ("linux/arm64: " or "") goes before each finding. */
void policy_image(const struct verify_spec *spec, const struct image *image, const char *where,
		  struct findings *findings);
/* `user` as the image's config writes it fulfils `wanted` ("nonroot", "1000", "app", "1000:1000"). */
bool policy_user(const char *wanted, const char *user);

/* probe.c, probe_http.c, answer.c: asks a container again and again until it is healthy. */
#define PROBE_BODY_MAX (1u << 20) /* bytes of an answer */
#define PROBE_SHOWN_MAX 500       /* bytes of the last answer that are shown */
#define PROBE_REDIRECTS 5
struct probe {
	struct loop *loop;
	const struct http_check *http; /* or NULL */
	const struct tcp_check *tcp;   /* or NULL */
	struct pattern *pattern;       /* compiled http->body, or NULL */
	struct container *container;   /* or NULL: only the address is known */
	uint16_t inner;                /* the port inside the container */
	const char *host;              /* where it is reached */
	uint16_t port;
	bool direct; /* no proxy that accepts connections before the container does */
	/* of the last attempt: */
	struct buf why;    /* what was wrong with it */
	struct buf answer; /* the answer's body, when there was one */
	long status;       /* the answer's status, 0: none */
};
/* One attempt that takes at most `limit_ms`: *ret_healthy. Errors: only cancelled and tools. */
int probe_http(struct probe *probe, uint64_t limit_ms, bool *ret_healthy, struct error **err);
int probe_tcp(struct probe *probe, uint64_t limit_ms, bool *ret_healthy, struct error **err);
/* The answer is the one that is asked for; else *why says what is wrong. */
int probe_judge(const struct http_check *check, const struct pattern *pattern, const struct http_response *response,
		bool *ret_good, struct buf *why, struct error **err);
/* `location` has the same scheme, host and port as `origin` ("http://127.0.0.1:8000"). */
bool probe_same_origin(const char *origin, const char *location);
/* Milliseconds until the next attempt when asking has gone on for `spent_ms`: short, so that what listens is found at
 * once; longer the longer it takes, so that asking costs little. */
uint64_t probe_pause(uint64_t spent_ms);
/* Until it is healthy, its time is over, or the container has ended. *ret_took is milliseconds. */
enum probe_outcome { PROBE_HEALTHY, PROBE_LATE, PROBE_ENDED };
int probe_wait(struct probe *probe, uint64_t timeout_ms, enum probe_outcome *ret, int *ret_status, uint64_t *ret_took,
	       struct error **err);
void probe_free(struct probe *probe); /* the contents */

/* stage.c: containers and the network of one verification. */
struct stage {
	const struct verify_job *job;
	struct findings *findings;
	struct arena *arena; /* of the texts that containers are started with */
	char *network;       /* NULL: no dependencies, the runtime's default one */
	struct actor {
		struct container *container;
		const char *name, *ip;
	} * actors;
	size_t len;
};
void stage_check(const struct verify_job *job, struct findings *findings);

/* health.c: waits for one container. `what` goes before what is wrong ("depends_on db"); "" for the service that is
 * verified, whose good outcome is reported too. False: it failed, and that is among the findings. */
bool health_check(struct stage *stage, const struct actor *actor, const struct service *service, const char *digest,
		  const char *what); /* the service's http and tcp checks */
/* The service's healthcheck, else the image's HEALTHCHECK. */
bool health_own(struct stage *stage, const struct actor *actor, const struct healthcheck *check, const char *what);
bool health_completed(struct stage *stage, const struct actor *actor, const char *what);
/* The container's port that a check means: its own, else the service's first, else the only one that the image
 * exposes, else 0. */
uint16_t health_port(struct stage *stage, const struct service *service, const char *digest, uint16_t port);

/* values.c: fills in ${image.*} and ${platform.*}. */
struct late_values {
	const struct verify_job *job;
	const char *oci; /* folder of the exported layout, or NULL */
};
const char *values_fill(struct arena *arena, const char *text, const struct late_values *values);

/* checker.c: `run:` checks. */
void checker_check(const struct verify_job *job, struct findings *findings);

#endif
