#ifndef ENGINE_IO_IO_TRACE_H
#define ENGINE_IO_IO_TRACE_H

#include <stdint.h>
#include <sys/types.h>

struct error;
struct http_request;
struct proc_result;
struct proc_spec;

/* What engine/io/ writes to the debug trace (base/debug_trace.h). Does nothing when tracing is off. */

void child_trace_start(pid_t pid, const struct proc_spec *spec);
void child_trace_end(pid_t pid, const struct proc_result *result);

/* A request when it has ended. */
struct request_facts {
	const char *method, *url;
	const char *socket;      /* the path of the one that it went through, or NULL */
	int64_t begun;           /* trace_now */
	long status;             /* of the answer; 0: none came */
	int64_t sent, received;  /* bytes of the bodies */
	const struct error *why; /* it has failed, or NULL */
};
void request_trace(const struct request_facts *facts);

#endif
