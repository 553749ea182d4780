#ifndef ENGINE_BUILDER_NERDCTL_H
#define ENGINE_BUILDER_NERDCTL_H

struct argv;
struct buildkit_target;
struct error;

/* How nerdctl is called. */
struct nerdctl_command {
	const char *program;
	const char *namespace; /* containerd's, or NULL: nerdctl's own choice (CONTAINERD_NAMESPACE) */
	unsigned major;        /* of its version */
	const char *store;     /* the folder of cbuild's layout, absolute */
};

/* The command line of a build. Values of secrets and arguments go into `env` where that is possible. ERROR_TOOL for what
 * this nerdctl cannot be asked for, ERROR_INTERNAL for images that it cannot be given. */
int nerdctl_argv(const struct nerdctl_command *command, const struct buildkit_target *target, struct argv *argv,
		 struct argv *env, struct error **err);

#endif
