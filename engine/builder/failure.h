#ifndef ENGINE_BUILDER_FAILURE_H
#define ENGINE_BUILDER_FAILURE_H

struct build_job;
struct error;
struct platform;

/*
 * What a failed builder's last lines mean: the user's fault (a step of the Dockerfile), something that is
 * missing here, or trouble with a connection.
 */
#define FAILURE_LINES 15 /* last lines of the output that go into the message */

/* Puts the error of a `tool` ("buildah") that ended with `status` and wrote `tail` into `*err`; returns -1.
 * `native` is the machine's own platform, `job` (NULL: the tool was not building) what it was doing. */
int failure_make(const char *tool, int status, const char *tail, const struct build_job *job,
		 const struct platform *native, struct error **err);

#endif
