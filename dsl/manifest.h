#ifndef DSL_MANIFEST_H
#define DSL_MANIFEST_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#include "base/diag.h"
#include "base/platform.h"

/*
 * The manifest: services.yaml after interpolation, templates and defaults. Immutable once
 * loaded; everything below lives in the manifest's own arena and is freed with it.
 *
 * Late variables. `${platform.*}` and `${image.*}` are known only per node. The loader leaves them
 * in the value as LATE_OPEN name LATE_CLOSE (control bytes that YAML text cannot contain);
 * late_expand (dsl/late.h) fills them in.
 */

/* A scalar as the user wrote it, with its position. `s` is NULL when it is missing. */
struct text {
	const char *s;
	struct pos pos;
};

struct texts {
	struct text *items;
	size_t len;
};

struct pair {
	struct text key;
	struct text value; /* value.s NULL: key given without a value and not in the environment */
};

/* Sorted by key (bytes), no key twice. */
struct pairs {
	struct pair *items;
	size_t len;
};

/* An annotation of what is pushed: of the index, of the platforms' manifests, or of both. */
struct annotation {
	struct text key, value;
	bool index, manifest;
	bool has_platform; /* of this platform's manifest alone */
	struct platform platform;
};

enum context_kind {
	CONTEXT_PATH,    /* value: absolute cleaned path */
	CONTEXT_SERVICE, /* value: the service's name; `service` is its index */
	CONTEXT_IMAGE,   /* docker-image://REF; value: REF */
	CONTEXT_LAYOUT /* oci-layout://PATH[:TAG][@DIGEST]; value: absolute cleaned path; `image`: the digest or the tag */
};

struct named_context {
	struct text name; /* as the Dockerfile refers to it */
	enum context_kind kind;
	struct text value;
	struct text url;   /* where the folder is fetched from; s NULL: it is this machine's */
	size_t service;    /* for CONTEXT_SERVICE: index into manifest.services */
	const char *image; /* for CONTEXT_LAYOUT; NULL: neither */
};

/* What a build takes from elsewhere: a git repository, or what is behind an http URL. */
struct remote_use {
	struct text url;
	const char *place; /* where it is used: "context", "dockerfile", "additional_contexts NAME" */
	const char *root;  /* absolute: the folder that was or will be fetched */
	const char *path;  /* that, or the folder of the repository that is used */
	bool text;         /* it turned out to be a Dockerfile: the file "context" in `root` */
	bool ready;        /* it is there, and nothing has to be asked */
};

/* Layer formats other than the plain image's (gzip, or whatever the builder made). */
enum format_kind { FORMAT_ZSTD, FORMAT_ESTARGZ, FORMAT_NYDUS, FORMAT_KINDS };

/* Another image with the same content. */
struct image_format {
	struct text name; /* "zstd" */
	enum format_kind kind;
	struct text suffix; /* appended to each of the service's tags: "-zstd"; never empty */
};

/* How much provenance a builder is to record. */
enum provenance { PROVENANCE_NONE, PROVENANCE_MIN, PROVENANCE_MAX, PROVENANCES };

/* A secret of a build. Of its data, only the id is ever stored. */
struct build_secret {
	struct text id;
	struct text file;     /* absolute path, or s NULL: */
	struct text variable; /* the variable that holds it, ... */
	const char *value;    /* ... and what it holds; NULL: it is not set */
};

/* What a build makes instead of an image in the store, an engine and registries, or besides it. */
enum output_kind {
	OUTPUT_LOCAL, /* its files, in a folder */
	OUTPUT_TAR,   /* its files, in a tar */
	OUTPUT_CACHE, /* nothing: it is only built */
	OUTPUT_IMAGE, /* the image all the same */
	OUTPUT_KINDS
};

struct build_output {
	enum output_kind kind;
	struct text dest; /* of files: absolute cleaned path below the manifest's folder */
};

struct build_spec {
	struct pos pos;
	struct text context;                     /* absolute cleaned path of the context folder */
	struct text dockerfile;                  /* absolute cleaned path ("Dockerfile" in the context by default) */
	struct text context_url, dockerfile_url; /* where they are fetched from; s NULL: they are this machine's */
	struct remote_use *remotes;              /* what is fetched, named contexts too */
	size_t remotes_len;
	struct pairs args; /* values may hold late variables */
	struct text target;
	struct platform *platforms; /* build.platforms, else the manifest's; empty: the host's */
	size_t platforms_len;
	struct platform *declared; /* the same, whatever --platforms and BUILD_PLATFORMS say */
	size_t declared_len;
	struct text unasked; /* it has none of the platforms that are asked for: the complaint, where it is needed; else s NULL */
	struct pairs labels;
	struct annotation *annotations;
	size_t annotations_len;
	struct named_context *contexts; /* sorted by name */
	size_t contexts_len;
	struct text inline_text; /* the Dockerfile itself; s NULL: it is in the file */
	struct text network;     /* "default", "none", "host"; s NULL: the builder's default */
	uint64_t shm_size;       /* bytes; 0: the builder's default */
	struct texts hosts;      /* "name:address" */
	struct texts ulimits;    /* "name=soft:hard" */
	struct text cgroup_parent;
	struct texts entitlements;
	struct texts no_cache_filter; /* stages */
	struct build_secret *secrets;
	size_t secrets_len;
	struct pairs ssh; /* id -> absolute path of a socket or key; "": the agent's */
	struct texts cache_from, cache_to;
	bool no_cache, pull;
	enum provenance provenance;
	bool sbom;
	const char *sbom_generator;   /* the scanner's image; NULL: the builder's default */
	struct build_output *outputs; /* none: an image */
	size_t outputs_len;
};

/* A step that runs before the build. Paths are relative to the manifest's folder. */
struct prepare_spec {
	struct pos pos;
	const char *dir;      /* absolute: the working directory, the folder of the file that declares it */
	struct texts run;     /* argv; may hold late variables */
	struct texts inputs;  /* glob patterns with ** (base/glob.h, glob_match_deep) */
	struct texts outputs; /* paths; may hold late variables */
	struct texts env;     /* names of environment variables that the step sees; they are inputs */
	bool per_platform;    /* mentions ${platform.*}: one node for each platform instead of one for the service */
};

/* A file of NAME=value lines. */
struct env_file {
	struct text path; /* as written; relative to the folder of its manifest */
	bool optional;    /* it may be missing */
	bool raw;         /* its values are not interpolated */
	const char *full; /* its absolute path */
};

enum pull_when { PULL_MISSING, PULL_ALWAYS, PULL_NEVER };

struct pull_policy {
	enum pull_when when;
	const char *written; /* as written; NULL: not given */
};

enum depends_condition { DEPENDS_STARTED, DEPENDS_HEALTHY, DEPENDS_COMPLETED, DEPENDS_CONDITIONS };

struct depends {
	struct text name;
	size_t service; /* index into manifest.services */
	enum depends_condition condition;
	const char *place; /* where it is written: "services.yaml:7:5" */
	bool optional;     /* "required: false": it may be missing */
	bool restart;      /* restart it when that one is restarted; compose only */
};

struct http_check {
	struct pos pos;
	struct text path;       /* begins with '/' */
	uint16_t port;          /* container port; 0: the service's first port */
	uint16_t status;        /* 0: any 2xx */
	struct text body;       /* regular expression (verify checks that it compiles), s NULL: any body */
	struct text json_path;  /* "a.b.c" into a JSON answer, s NULL: not checked */
	struct text json_value; /* the text the value must equal */
	uint64_t timeout_ms;    /* until healthy; default 30000 */
	struct text method;     /* s NULL: GET */
	struct text send;       /* the request's body; s NULL: none */
	struct text host; /* the Host header, with "https" also the certificate's name; s NULL: the address, the service's name */
	struct pairs headers;
	bool https, insecure;
	struct text ca; /* absolute path of a PEM file; s NULL: the system's */
	bool has_redirects;
	uint16_t redirects; /* the most that are followed */
};

#define GRPC_NAME_MAX 120 /* bytes of the service's name: its length fits into a byte of the message */

/* The standard health protocol, grpc.health.v1. */
struct grpc_check {
	struct pos pos;
	uint16_t port;       /* container port; 0: the service's first port */
	struct text service; /* s NULL: the whole server */
	uint64_t timeout_ms;
	bool tls, insecure;
	struct text host; /* with "tls": the name that the certificate must have; s NULL: the service's */
	struct text ca;   /* absolute path of a PEM file; s NULL: the system's */
};

/* A command in the container that must succeed. */
struct exec_check {
	struct pos pos;
	struct texts command;
	uint64_t timeout_ms; /* until it succeeds */
};

struct tcp_check {
	struct pos pos;
	uint16_t port; /* container port; 0: the service's first port */
	uint64_t timeout_ms;
};

struct verify_spec {
	struct pos pos;  /* line 0: no `verify:` given */
	const char *dir; /* absolute: the working directory of its commands, the folder of the file that declares it */
	bool has_http, has_tcp, has_grpc, has_exec;
	struct http_check http;
	struct tcp_check tcp;
	struct grpc_check grpc;
	struct exec_check exec;
	struct text user;  /* "nonroot", a name, a uid, uid:gid; s NULL: not checked */
	uint64_t max_size; /* bytes, compressed, per platform; 0: not checked */
	struct pos max_size_pos;
	struct texts entrypoint; /* len 0: not checked */
	struct texts ports;      /* "8000" or "8000/tcp" that the image must expose */
	struct pairs labels;     /* that the image must carry */
	struct texts platforms;  /* that the index must contain, normalised texts */
	struct texts *run;       /* checker commands (argv); may hold late ${image.*} */
	size_t run_len;
};

/* A port of a container. */
struct port {
	uint16_t inner;             /* in the container */
	uint16_t outer, outer_last; /* on this machine, any of these; 0: a free one */
	const char *host;           /* address on this machine; NULL: the loopback address */
	bool udp;
};

enum mount_kind { MOUNT_VOLUME, MOUNT_BIND, MOUNT_TMPFS, MOUNT_KINDS };

/* Something of the machine that is mounted into a container of `cbuild up`. */
struct mount {
	enum mount_kind kind;
	struct text source; /* MOUNT_BIND: absolute path; MOUNT_VOLUME: name, s NULL: anonymous; MOUNT_TMPFS: unused */
	const char *target;
	const char *options; /* "ro", "ro,z", or "" */
};

/* How to tell that a service others wait for is healthy; verify's http and tcp take precedence. */
struct healthcheck {
	struct pos pos;    /* line 0: not given */
	struct texts test; /* "CMD" word..., "CMD-SHELL" line, or "NONE"; len 0: the image's own */
	/* 0: what the image says, else the default. */
	uint64_t interval_ms, timeout_ms, start_period_ms, start_interval_ms;
	uint16_t retries;
	bool disable;
};

/* What `watch --run` does with a running service when files of this machine change (compose-spec, develop.md). */
enum watch_action { WATCH_SYNC, WATCH_SYNC_RESTART, WATCH_SYNC_EXEC, WATCH_RESTART, WATCH_REBUILD, WATCH_ACTIONS };

extern const char *const watch_action_names[WATCH_ACTIONS]; /* as they are written */

struct watch_rule {
	enum watch_action action;
	struct text path;     /* absolute: a file, or a folder with everything below it */
	struct text target;   /* absolute, in the container: where they are copied to; s NULL: they are not */
	struct texts ignore;  /* patterns as in .dockerignore, relative to `path` */
	struct texts include; /* the same: no other files; len 0: all */
	bool initial_sync;    /* they are also copied into a new container */
	struct texts command; /* of WATCH_SYNC_EXEC: runs in the container after they were copied */
};

/* Where a container's output goes. */
struct logging {
	struct pos pos;
	struct text driver;
	struct pairs options;
};

/* How a container runs, as the engines' options of these names say; service_settings lists what is given. */
struct run_spec {
	bool init, privileged, read_only, stdin_open, tty;
	uint64_t mem_limit, mem_reservation, shm_size; /* bytes */
	struct text cpu_shares, cpus, cpuset, hostname, memswap_limit, oom_score_adj, pids_limit, restart;
	struct texts cap_add, cap_drop, devices, dns, dns_opt, dns_search, extra_hosts, group_add, security_opt, ulimits;
	struct pairs labels, sysctls;
	struct logging logging;
};

/* What a Dockerfile is asked instead of being built, as bake's `call` says it. */
enum service_call { CALL_CHECK, CALL_OUTLINE, CALL_TARGETS };

struct service {
	struct text name;
	struct pos pos;
	bool has_build;
	struct build_spec build;
	struct text image; /* repository, registry included, no tag: "ghcr.io/aic-sos/control-plane" (with the digest, if `reference` has one) */
	bool named; /* `image` was given, or includes a registry: FROM and COPY --from may refer to it */
	size_t maker; /* index of the service whose build makes its image: itself, or the first service with the same image and build */
	struct texts tags; /* of the published references; at least one, unless publish is false or `reference` has a digest */
	struct texts references;      /* more complete references ("ghcr.io/acme/web:1"), from build.tags */
	struct image_format *formats; /* in addition to the plain image; none when publish is false */
	size_t formats_len;
	struct text reference; /* without build: the image to start, as written, with its tag or digest; else s NULL */
	struct pull_policy pull; /* when to pull `reference` */
	struct text platform;    /* to run on, as written; or s NULL */
	bool provided;           /* not a container: never built or started */
	bool docker;             /* with Docker's media types, not OCI's */
	bool bare;               /* pushed as a manifest, without an index: it is for one platform */
	struct text refused;     /* why cbuild cannot build it; s NULL: it can */
	bool refused_alone;      /* it can as a base of others */
	bool only_asked;         /* when it is a target its Dockerfile is asked this; it is built as a base of others */
	enum service_call call;
	bool publish; /* false: no image of its own, only a base for others, or files */
	bool waits; /* its build waits for files that others make where it reads them; with bake, only when they are asked for */
	struct texts profiles; /* len 0: always part of "all" */
	bool active;           /* part of "all": it has no profiles, or one of them was requested */
	bool has_prepare;
	struct prepare_spec prepare;
	struct texts needs;      /* build-order edges by name */
	size_t *needs_index;     /* needs.len indices into manifest.services */
	struct depends *depends; /* only those that can be started */
	size_t depends_len;
	/* how it runs, for verification */
	struct port *ports; /* in the order written */
	size_t ports_len;
	struct pairs environment;
	struct env_file *env_files;
	size_t env_files_len;
	struct pairs file_environment; /* from env_files, without names that `environment` sets: often secrets, so never stored or shown. Empty for a service that no check starts */
	struct texts command;
	struct texts entrypoint;
	struct text user;
	struct text working_dir;
	struct healthcheck healthcheck;
	struct text container_name; /* s NULL: PROJECT-SERVICE-1 */
	struct text stop_signal;    /* s NULL: the image's */
	bool has_stop_grace;
	uint64_t stop_grace_ms;
	struct run_spec run;
	struct texts aliases; /* further names on the network */
	struct mount *files;  /* its secrets and configs, from files of this machine */
	size_t files_len;
	struct texts tmpfs;
	struct mount *mounts;
	size_t mounts_len;
	struct verify_spec verify;
	struct watch_rule *watch; /* in the order written */
	size_t watch_len;
	bool watch_auto;     /* none is written: they are read off its Dockerfile */
	struct texts unused; /* keys about how it runs that cbuild ignores */
};

/* How to talk to a registry. */
struct registry_spec {
	struct text host; /* as images name it: "ghcr.io", "localhost:5000" */
	bool insecure;    /* plain HTTP */
	struct text ca;   /* absolute paths of PEM files, or s NULL */
	struct text cert, key;
	struct texts mirrors; /* "mirror.lan:5000", "host/path": tried first, in this order, for base images */
	struct text auth;     /* "https://auth.example.com": a token server that may get the login; or s NULL */
	uint64_t timeout_ms;
};

struct group {
	struct text name;
	size_t *services; /* indices without duplicates, nested groups resolved */
	size_t services_len;
};

struct builder_tls {
	struct pos pos;
	struct text ca, cert, key; /* absolute paths; s NULL: not given */
};

/* One of several builders that share the work. */
struct manifest_builder {
	struct text name, driver;
	struct text addr;            /* s NULL: the driver's default */
	struct texts platform_texts; /* as written */
	struct platform *platforms;  /* len 0: those that the builder reports as native */
	size_t platforms_len;
	uint16_t weight, jobs; /* at least 1 */
	bool emulate;
	struct builder_tls tls;
};

struct manifest {
	const char *path;   /* of the first file, as given */
	const char *dir;    /* absolute cleaned folder of the first file: relative paths start there */
	const char **files; /* absolute: all files it was read from, or would be if they existed (.env) */
	size_t files_len;
	struct texts remotes; /* URLs of what it includes from elsewhere */
	struct texts notes;   /* things the user should know about it, one sentence each */
	struct text project;
	const char *prefix; /* the project's name in other names: of images without a name of their own, of volumes; normalised as compose does */
	struct text registry;       /* this and the next two: for services that the first file defines */
	struct platform *platforms; /* len 0: not given */
	size_t platforms_len;
	struct texts tags;
	bool has_epoch;
	int64_t epoch;        /* source_date_epoch, seconds */
	bool revision_every;  /* each commit gets an index of its own, also of the same images */
	struct text sign_key; /* absolute path of the key that signs what is pushed, or "env://NAME"; s NULL: none */
	struct pairs signed_bases; /* beginning of an image's name -> absolute path of the public key that must have signed it */
	uint64_t store_max;       /* bytes of the store's blobs; 0: no limit */
	bool cache_registry;      /* share results through the images' registries, */
	bool cache_read_only;     /* but only read them from there */
	struct service *services; /* in the order written */
	size_t services_len;
	struct registry_spec *registries;
	size_t registries_len;
	struct manifest_builder *builders; /* in the order written */
	size_t builders_len;
	bool last_wins; /* of several services with one image the last one has the name, as in bake; otherwise that is an error */
	const char *goal;     /* what is built when nothing is named; NULL: "all" */
	struct group *groups; /* without the implicit "all" */
	size_t groups_len;
};

void manifest_free(struct manifest *manifest); /* NULL-safe */
/* Whether something is asked of the running container. */
bool verify_asks(const struct verify_spec *verify);
/* It can never be called healthy: it has no check in `verify`, and refuses its image's. */
bool service_unchecked(const struct service *service);
/* Passes each setting of service->run that is given: compose's key ("cap_add", "logging.driver") and a value, as text
 * ("true", "NAME=value", "nofile=1:2", bytes). In the schema's order. */
void service_settings(const struct service *service, void (*take)(void *data, const char *key, const char *value),
		      void *data);
/* The service's first TCP port in the container, or 0. */
uint16_t service_port(const struct service *service);
/* Whether it is built for itself, and not only as a base for others: part of "all". */
bool service_is_made(const struct service *service);
/* Whether its build makes files: the service has an output node. */
bool service_makes_files(const struct service *service);
/* The service whose build makes this one's image: nodes and records are named after it. */
const char *manifest_maker(const struct manifest *manifest, const struct service *service);
/* Index of the service called `name`, or -1. */
long manifest_service(const struct manifest *manifest, const char *name);
/* The place of a platform among those that the manifest declares for a build; behind them when it is none of these. */
size_t build_place(const struct build_spec *build, const struct platform *platform);
/* Whether its image has attestations; an image that is never published has none. */
bool service_attests(const struct service *service);
/* It asks for rights besides the machine's network, which every builder gives. */
bool build_wants_rights(const struct build_spec *build);
/* Whether what is pushed has annotations: a manifest alone and Docker's lists have none. */
bool service_annotates(const struct service *service);
/* Whether the manifest for a platform has this annotation. */
bool annotation_is_for(const struct annotation *annotation, const struct platform *platform);
/* The group called `name` (not "all"), or NULL. */
const struct group *manifest_group(const struct manifest *manifest, const char *name);

#endif
