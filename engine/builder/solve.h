#ifndef ENGINE_BUILDER_SOLVE_H
#define ENGINE_BUILDER_SOLVE_H

struct build_job;
struct build_result;
struct daemon;
struct error;
struct layout;
struct loop;
struct logins;
struct platform;

/* One build by a BuildKit daemon: it gets the user's own Dockerfile and exactly the files that count, and the image
 * comes into the store. */
struct solve {
	struct loop *loop;
	struct layout *layout;
	struct logins *logins;         /* of the run */
	const char *shown;             /* folder that records what daemons were shown (buildkit/shown.h) */
	const char *tool;              /* its name in errors */
	const struct platform *native; /* of the daemon */
};

/* In a task. Verifies the result as described at builder_build. */
int solve_build(const struct solve *solve, struct daemon *daemon, const struct build_job *job,
		struct build_result *result, struct error **err);

#endif
