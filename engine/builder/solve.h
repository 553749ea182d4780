#ifndef ENGINE_BUILDER_SOLVE_H
#define ENGINE_BUILDER_SOLVE_H

struct build_job;
struct build_result;
struct daemon;
struct error;
struct layout;
struct loop;
struct platform;

/* One build by a BuildKit daemon: the user's own Dockerfile and exactly the files that count go there, the image comes into the store. */
struct solve {
	struct loop *loop;
	struct layout *layout;
	const char *shown;             /* folder where it is remembered what daemons were shown (buildkit/shown.h) */
	const char *tool;              /* what it is called in errors */
	const struct platform *native; /* of the daemon */
};

/* In a task. Checks what it gets as builder_build says. */
int solve_build(const struct solve *solve, struct daemon *daemon, const struct build_job *job,
		struct build_result *result, struct error **err);

#endif
