#ifndef ENGINE_BUILDER_FAILURE_H
#define ENGINE_BUILDER_FAILURE_H

struct build_job;
struct error;
struct platform;

/*
 * Interprets a failed builder's last lines: the user's fault (a step of the Dockerfile), something missing on this
 * machine, or a connection problem.
 */
#define FAILURE_LINES 15 /* last lines of the output that go into the message */

/* Puts the error of a `tool` ("buildah") that ended with `status` after printing `tail` into `*err`; returns -1.
 * `native` is the machine's own platform, `job` (NULL: it was not building) what it was doing. */
int failure_make(const char *tool, int status, const char *tail, const struct build_job *job,
		 const struct platform *native, struct error **err);

#endif
