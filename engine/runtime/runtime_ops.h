#ifndef ENGINE_RUNTIME_RUNTIME_OPS_H
#define ENGINE_RUNTIME_RUNTIME_OPS_H

#include <pthread.h>
#include <stdatomic.h>

#include "dsl/drivers.h"
#include "engine/io/http.h"
#include "engine/oci/layout.h"
#include "engine/runtime/runtime.h"

/* Shared by the files of engine/runtime/; for them only. */

struct argv;
struct bare_request;
struct container;
struct inspected;
struct json;
struct keylock;
struct proc_result;
struct runtime_ops;

/* Extra flags that a machine may need; found by trying. Bits of runtime.quirks. */
enum quirk {
	QUIRK_ULIMIT = 1,     /* limits no higher than ours: no CAP_SYS_RESOURCE */
	QUIRK_RUNC = 2,       /* the default OCI runtime (crun) refuses this kernel's cgroups */
	QUIRK_CGROUPFS = 4,   /* no systemd to manage cgroups */
	QUIRK_NO_CGROUPS = 8, /* none can be made at all */
	QUIRK_NO_LOGOPT = 16  /* the log driver's limit is refused */
};

/* An image that was loaded only to run containers: removed after the last of them. */
struct guest {
	struct guest *next;
	char *id;
	unsigned users;
};

struct runtime {
	char *name; /* of its driver, with the requested instance: "containerd:k8s.io" */
	const struct runtime_ops *ops;
	const struct container_ops *containers;
	struct loop *loop;
	struct state *state;
	struct layout *layout;
	struct logins *logins;
	char *owner;
	char *program; /* path of the command; NULL: it is not installed (runtime_ops.listens) */
	char *version;
	char *place;
	char *socket;   /* docker: of its daemon, NULL when that is not on this machine; containerd's */
	char *space;    /* containerd's namespace */
	char *root;     /* podman: the storage's folder, NULL when it is not on this machine */
	char *identity; /* of the program and its settings, for facts */
	char *process;  /* our pid and start time, part of every name we give */
	bool publish;   /* ports must be published on the loopback address */
	bool bridged;   /* its networks are local: a container is reached at its own address */
	bool local;     /* its containers' processes are local */
	bool manifests; /* docker with the containerd store, and containerd: images are known by their manifest's digest */
	bool proves;    /* docker: and it says whether their layers are there */
	atomic_uint quirks;
	atomic_uint names;
	struct keylock *images; /* by id: held while an image is loaded or removed */
	pthread_mutex_t lock;   /* guards what follows */
	struct guest *guests;
	struct bare_request *bare; /* images that wait for import_bare.c */
	bool importing;            /* some of them are being loaded */
	pthread_cond_t imported;
};

/* How containers, networks and images that were not built here are handled: by the commands that podman and docker have in
 * common (commands.c), by requests to docker's daemon (docker_container.c), or by containerd's command (ctr_container.c).
 * What removes something works when the loop is cancelled. */
enum exec_kind { EXEC_ALONE, EXEC_INPUT, EXEC_TTY }; /* without standard input, with it, with a terminal, too */
struct container_ops {
	bool named;        /* it takes the name that a container is to have */
	bool few_settings; /* only those with a flag of ctr's */
	/* One attempt to start it, with its command's status and last lines in *ret. `remove` removes what it leaves. */
	int (*run)(struct container *container, const struct container_spec *spec, unsigned quirks,
		   struct proc_result *ret, struct error **err);
	/* The same for container_create, with the command in *argv; missing where that cannot be. */
	int (*create)(struct container *container, const struct container_spec *spec, unsigned quirks,
		      struct proc_result *ret, struct error **err);
	void (*attach)(struct container *container, struct argv *argv);
	int (*inspect)(struct runtime *runtime, const char *name, struct inspected *ret, struct error **err);
	/* The command to which the words to run inside are added. */
	void (*exec)(struct runtime *runtime, const char *name, enum exec_kind kind, struct argv *argv);
	/* container_put; missing where that cannot be. */
	int (*put)(struct container *container, int tar, uint64_t len, struct error **err);
	/* The command for container_print. */
	void (*logs)(struct container *container, const struct container_output *what, struct argv *argv);
	bool stamps; /* container_stamps */
	/* Instead of these two, without a command: whether the words succeed within `ms`; the last lines. */
	int (*healthy)(struct container *container, const char *const *words, uint64_t ms, bool *ret,
		       struct buf *ret_said, struct error **err);
	int (*print)(struct container *container, unsigned lines, struct buf *ret, struct error **err);
	/* Instead of `logs`. */
	int (*follow)(struct container *container, const struct container_output *what, const struct output *output,
		      struct error **err);
	int (*remove)(struct runtime *runtime, const char *const *names, struct error **err);
	/* Its address becomes one that it gets again whenever it is started. It has ended; its `seen` is from before. Missing where
	 * it always does. */
	int (*keep_address)(struct container *container, struct error **err);
	/* Those that have ended. */
	int (*start)(struct runtime *runtime, const char *const *names, struct error **err);
	/* `signal` NULL: the image's. */
	int (*signal)(struct runtime *runtime, const char *signal, const char *const *names, struct error **err);
	/* Names of containers with this owner (of the service, if it is not NULL), a line each; of networks. */
	int (*list)(struct runtime *runtime, const char *service, struct buf *ret, struct error **err);
	int (*network_list)(struct runtime *runtime, struct buf *ret, struct error **err);
	int (*network_add)(struct runtime *runtime, const char *name, const struct output *output, struct error **err);
	int (*network_remove)(struct runtime *runtime, const char *name, struct error **err);
	/* An image that it has under this name; ERROR_TOOL if it has none. */
	int (*describe)(struct runtime *runtime, const char *name, struct runtime_pulled *ret, struct error **err);
	int (*pull)(struct runtime *runtime, const char *name, bool insecure, const struct output *output,
		    struct error **err);
	/* Removes the image unless it has a name. It does no harm if that fails. */
	void (*forget)(struct runtime *runtime, const char *id);
};

struct runtime_ops {
	const char *program; /* the command; NULL: the driver's name */
	const struct container_ops *containers;
	const char *insecure; /* the option of `pull` for a registry that speaks plain HTTP, or NULL */
	const char *place_prefix;
	const char *log_driver;         /* a driver whose log can be read */
	const char *const *run_options; /* extra options for `run`, NULL-terminated; or NULL */
	bool inits;                     /* its `init` sets up a container that was created */
	bool docker_form;               /* loads archives of LAYOUT_TAR_DOCKER */
	bool resolves;                  /* its own networks resolve names, also of what is started later or again */
	/* The prefix of the places of this instance (NULL: the usual one), malloc'd; NULL: place_prefix. */
	char *(*prefix)(const char *instance);
	/* Whether its daemon listens where it can be asked without the command; may be missing. */
	bool (*listens)(void);
	/* Fills in the runtime; ERROR_TOOL with a remedy when it cannot be used here. */
	int (*open)(struct runtime *runtime, struct error **err);
	int (*load)(struct runtime *runtime, const struct runtime_image *image, const char *const *references,
		    size_t len, const struct output *output, struct error **err);
	/* The mark of a load that began at `since` (nanoseconds since 1970), malloc'd, or NULL; may be missing. */
	char *(*mark)(const struct runtime *runtime, const struct runtime_image *image, const char *const *references,
		      size_t len, uint64_t since);
	void (*present)(const char *place, struct runtime_presence *items, size_t len, char **ret_seen);
	/* As runtime_discard; NULL: an image without a name is gone by itself. */
	int (*discard)(struct runtime *runtime, const struct runtime_former *former, bool dry,
		       struct runtime_freed *ret, struct error **err);
	/* Is the image there, as far as the runtime says with its layers? */
	int (*has)(struct runtime *runtime, const char *id, bool *ret, struct error **err);
	/* Loads the images of a tar (oci/export_tar.c). */
	int (*take)(struct runtime *runtime, const char *tar, const struct output *output, struct error **err);
	/* The quirks to try next after the output `text` with `quirks`; the same ones: nothing more can be done. */
	unsigned (*adapt)(unsigned quirks, const char *text);
	/* Remembers quirks that worked (any thread). */
	void (*learn)(struct runtime *runtime, unsigned quirks);
};

#define DECLARE(driver, ...) extern const struct runtime_ops runtime_##driver;
RUNTIME_DRIVERS(DECLARE, DECLARE)
#undef DECLARE

/* run_args.c: argument lists. Pure functions: tests compare them with golden ones. */
#define CONTAINER_LOG_MAX "10m" /* of a container's output that is kept */
void command_begin(const struct runtime *runtime, unsigned quirks, struct argv *argv);
/* `env_file` NULL: no environment. */
void command_run(const struct runtime *runtime, unsigned quirks, const struct container_spec *spec, bool only_create,
		 const char *id, const char *name, const char *env_file, struct argv *argv);
/* True when the process in `name` ("cbuild-agent-4711-1a2b-3") is alive. False for names that are not ours. */
bool command_owner_alive(const char *name);
unsigned long long run_args_limit(int resource);                              /* for QUIRK_ULIMIT */
bool run_args_is_published(const struct container_spec *spec, uint16_t port); /* by its own `publish` */
char *command_process(void);                                      /* "4711-1a2b" for this process, malloc'd */
char *command_name(struct runtime *runtime, const char *service); /* a new name, malloc'd */

/* setting.c: options of containers. */
/* By the commands of podman and docker. */
void setting_add_flags(const struct container_spec *spec, struct argv *argv);
/* By ctr. */
void setting_add_ctr(const struct container_spec *spec, struct argv *argv);
/* In the body of docker's request to make a container: `host` is its HostConfig. */
void setting_add_json(const struct container_spec *spec, struct json *body, struct json *host);
/* The value of a setting that has only one, or NULL. */
const char *setting_value(const struct container_spec *spec, const char *key);

/* Whether the service sets this limit itself. */
bool setting_has_ulimit(const struct container_spec *spec, const char *name);

/* environment.c: how the environment is passed to a container. */
/* A value that the env-file readers of all versions read unchanged. */
bool environment_plain(const char *value);
/* How it is passed: plain values in a file, others through the environment of the command itself; those whose names
 * affect podman and docker (PATH, DOCKER_HOST; no secrets) as arguments. */
enum environment_way { ENVIRONMENT_NONE, ENVIRONMENT_FILE, ENVIRONMENT_CHILD, ENVIRONMENT_ARGUMENT };
enum environment_way environment_way(const struct runtime_pair *pair);
/* The command's environment, or NULL when no pair is passed that way. */
char **environment_child(const struct container_spec *spec);
void environment_free(char **env); /* NULL-safe */
/* An env-file, readable only by us, in a new folder that the caller removes; both malloc'd, both NULL when there is
 * nothing to write. */
int environment_file(struct runtime *runtime, const struct container_spec *spec, char **ret_dir, char **ret,
		     struct error **err);

/* container_inspect.c: reads the output of `inspect` for a container. */
struct inspected {
	bool running;
	bool again; /* its restart policy starts it again */
	int status;
	int pid;            /* 0: none */
	char *ip, *gateway; /* NULL: none */
	char *network;      /* where it has the address */
	char *stop_signal;  /* NULL: SIGTERM */
	unsigned grace_s;   /* that it gets to stop */
	char *id, *name;
	char *image;                    /* as it was named when it was started */
	char *owner, *service, *config; /* the labels RUNTIME_LABEL, RUNTIME_SERVICE and RUNTIME_CONFIG, or NULL */
	char *project;                  /* compose's, or NULL */
	bool host_network;
	struct inspected_port {
		uint16_t inner, outer;
		char *host;
		bool udp;
	} * ports;
	size_t ports_len;
};
int inspect_parse(const char *json, size_t len, struct inspected *ret, struct error **err);
void inspected_free(struct inspected *inspected); /* the contents */
bool inspect_ours(const char *ip);                /* an address of one of this machine's interfaces */

/* container.c, for standing.c. */
struct container {
	struct runtime *runtime;
	struct runtime_image image; /* owns its texts */
	bool acquired, started;
	bool renewed;      /* container_renewed */
	bool created;      /* only created (container_create) */
	bool deaf;         /* it takes no notice of the signal that stops it, so there is nothing to wait for */
	bool late, killed; /* it is to be killed now; it was */
	char *name;
	struct inspected seen;
	unsigned long long pid_start; /* 0: the process is not visible from here */
	uint64_t inspected_ms;
	bool direct;
};
/* For container_healthcheck. */
void container_say_slow(struct buf *ret_said, uint64_t timeout_ms);
/* Inspects a started container: its addresses, and the process that identifies it. */
int container_look(struct container *container, struct error **err);

/* pull.c: reads the output of `image inspect`; `reference` is what it was asked about. */
int pull_parse(const char *json, size_t len, const char *reference, struct runtime_pulled *ret, struct error **err);

/* commands.c: by the runtime's command */
extern const struct container_ops container_commands;
int commands_create(struct container *container, const struct container_spec *spec, unsigned quirks,
		    struct proc_result *ret, struct error **err);
void commands_attach(struct container *container, struct argv *argv);
void commands_exec(struct runtime *runtime, const char *name, enum exec_kind kind, struct argv *argv);

/* pull.c: reads a config's ExposedPorts and HEALTHCHECK into *ret. */
void pull_take_config(const struct json *config, struct runtime_pulled *ret);

/* runtime_image.c: loads an image from the store, under these names (none is fine), and checks its id. */
int runtime_import(struct runtime *runtime, const struct runtime_image *image, const char *const *references,
		   size_t len, const struct output *output, struct error **err);
/* By the runtime's own command. */
int runtime_load_command(struct runtime *runtime, const char *tar, const struct output *output, struct error **err);

/* import_bare.c: loads an image of whose layers docker has all, without them. In tasks: what waits for an earlier load is loaded together.
 * The image may lack layers all the same. ERROR_TOOL. */
int runtime_import_bare(struct runtime *runtime, const struct layout_bare *image, struct error **err);

/* discard.c: images of earlier results. */
int discard_podman(struct runtime *runtime, const struct runtime_former *former, bool dry, struct runtime_freed *ret,
		   struct error **err);
int discard_docker(struct runtime *runtime, const struct runtime_former *former, bool dry, struct runtime_freed *ret,
		   struct error **err);

/* docker_api.c: requests to the daemon behind runtime->socket, because its command takes longer to start than most
 * requests. In tasks. ERROR_TOOL. */
int docker_api_has(struct runtime *runtime, const char *id, bool *ret, struct error **err);
int docker_api_load(struct runtime *runtime, const char *tar, struct error **err);
/* A request that goes on when the loop is cancelled; the answer's body is added to *ret. `body` and `ret` may be NULL. */
int docker_api_do(struct runtime *runtime, const char *method, const char *path, const struct json *body,
		  struct buf *ret, struct error **err);
/* A request whose answer may take `ms`; its body is added to *ret. */
int docker_api_wait(struct runtime *runtime, const char *method, const char *path, const struct json *body, uint64_t ms,
		    struct buf *ret, struct error **err);
/* A request whose answer goes to `take` as it comes, without a limit of time. */
int docker_api_stream(struct runtime *runtime, const char *method, const char *path, const char *const *headers,
		      http_take *take, void *data, struct error **err);
/* docker_container.c: without its command. */
extern const struct container_ops container_requests;
/* docker_output.c: a container's output; without the frames of an answer that is whole. */
void docker_output_unframe(const struct buf *framed, struct buf *ret);
int docker_output_print(struct container *container, unsigned lines, struct buf *ret, struct error **err);
int docker_output_follow(struct container *container, const struct container_output *what, const struct output *output,
			 struct error **err);
/* docker_pull.c: pulls with the registry's login. */
int docker_pull(struct runtime *runtime, const char *name, bool insecure, const struct output *output,
		struct error **err);
int docker_api_put(struct container *container, int tar, uint64_t len, struct error **err);
int docker_api_tag(struct runtime *runtime, const char *id, const char *reference, struct error **err);

/* listen.c: who listens on the port in the process's network namespace. */
enum listener listen_look(int pid, uint16_t port);
/* The same in the text of its /proc/PID/net/tcp or tcp6. */
enum listener listen_find(const char *text, uint16_t port);

/* taken.c: ERROR_HEALTH that says whose it is. */
/* Is there a container of this name? */
int taken_name(struct runtime *runtime, const char *name, struct error **err);
/* Does the text of a failed start mean that one of its ports is used already? */
int taken_port(const struct container_spec *spec, const char *text, struct error **err);

/* execute.c */
/* Runs `runtime's program argv...`; a status other than 0 is ERROR_TOOL. */
int runtime_command(struct runtime *runtime, const char *const *args, const struct output *output, bool cleanup,
		    struct buf *ret_out, struct error **err);
/* Moves the error of a command that could not be run or timed out, as ERROR_TOOL. Returns -1. */
int runtime_failed(struct error **error, struct error **err);
/* The relevant part of a command's last lines: podman and docker print many warnings. */
void runtime_complaint(struct buf *out, const char *tail);
/* runtime_image.c: the id that the runtime knows the image by. */
const char *runtime_image_id(const struct runtime *runtime, const struct runtime_image *image);
/* Makes sure the image can be run; runtime_image_release removes it again if it was loaded for that. */
int runtime_image_acquire(struct runtime *runtime, const struct runtime_image *image, const struct output *output,
			  struct error **err);
void runtime_image_release(struct runtime *runtime, const struct runtime_image *image);

#endif
