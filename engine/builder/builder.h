#ifndef ENGINE_BUILDER_BUILDER_H
#define ENGINE_BUILDER_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/xxh3.h"
#include "base/platform.h"

struct credentials;
struct error;
struct layout;
struct loop;
struct logins;
struct output;
struct state;

/*
 * A builder executes Dockerfiles. It is an interface: nothing outside engine/builder/ knows whether a child process
 * (buildah, podman) or a connection (BuildKit) is behind it.
 *
 * builder_build is called in a task and blocks it (docs/decisions.md, "Tasks"). One call is a batch of jobs; results
 * and progress are reported through callbacks as soon as they are known.
 */
struct builder;

enum image_where {
	IMAGE_LOCAL, /* in this builder's storage (builder_info.place), by its id there */
	IMAGE_STORE, /* in cbuild's store, by its manifest digest */
	IMAGE_REMOTE /* in a registry (or the engine), by its reference */
};

/* An image that a Dockerfile mentions, resolved. One entry for each mention: the same name may stand for different
 * images in stages of different platforms. */
struct build_image {
	const char *name; /* as used in the Dockerfile, with variables resolved */
	size_t offset,
		length; /* the bytes of the mention in the Dockerfile's text; length 0: it is in an ONBUILD of the base, and found by its name */
	bool from;      /* a FROM (else COPY --from or a mount) */
	bool base; /* the base of the result's own layers: the FROM of the target stage, or of the stage that it is FROM, and so on; at most one, none for scratch */
	struct platform platform; /* of the stage */
	enum image_where where;
	const char *identity; /* config digest; NULL when not known (IMAGE_REMOTE) */
	const char *id;       /* IMAGE_LOCAL: build_result.id of the build that made it */
	const char *digest;   /* IMAGE_STORE: manifest digest */
	const char *reference; /* IMAGE_REMOTE: what to pull: by digest, or by name for an engine's own image (own_images) */
	/* How to reach its registry, for builders that pull by themselves: */
	bool plain;                      /* plain HTTP is allowed */
	const char *const *ca;           /* PEM files, NULL-terminated, or NULL */
	const char *cert, *key;          /* PEM files, or NULL */
	const struct credentials *login; /* or NULL */
};

struct build_pair {
	const char *key;
	const char *value;
};

/* An entry of a context that counts: a file, a folder or a link. */
struct build_file {
	const char *path;      /* within the context; bytes */
	uint32_t mode;         /* st_mode */
	uint64_t size;         /* of a file */
	int64_t mtime;         /* nanoseconds since 1970 */
	const char *link;      /* text of a link */
	struct hash128 digest; /* content of a file */
};

/* A named context that is a folder (those that are images are in `images`). */
struct build_context {
	const char *name;
	const char *value;              /* absolute path */
	const struct build_file *files; /* of a folder, for builders with `sends_files` */
	size_t files_len;
};

/* What the build fetches: whatever is there, or what it is held to. */
struct build_url {
	const char *url; /* as the Dockerfile has it, with a login that it may hold */
	bool git;
	const char *pin; /* "sha256:...", "commit:...", or NULL */
	/* An ADD that was fetched already, for builders without `holds_urls`: */
	const char *folder, *file;  /* the folder that has it, and its name there; or NULL */
	const char *context, *copy; /* what the folder is called as a context, and what stands for the word ADD then */
	size_t add, add_len;        /* where that word stands in the text, */
	size_t offset, length;      /* and the URL */
};

/* A secret. It is passed by file name, or in the client's environment: never as an argument. */
struct build_secret_source {
	const char *id;
	const char *file;  /* absolute path, or NULL to use `value` */
	const char *value; /* the secret itself */
};

struct build_job {
	const char *id;                 /* the node's id, "build:indexer:linux/arm64": for errors and file names */
	const char *context;            /* absolute path */
	const struct build_file *files; /* for builders with `sends_files`: its entries that count */
	size_t files_len;
	const char *dockerfile; /* absolute path, for messages and for builders that read it themselves */
	const char *text;       /* its bytes, as hashed */
	size_t text_len;
	const char *ignore_file; /* absolute path of the ignore file in use, or NULL */
	const char *key;         /* of the node: changes whenever anything that the build reads changes */
	const size_t *mounts; /* offsets in `text` of the ends of the flags of RUN steps that mount files (dockerfile.h) */
	size_t mounts_len;
	struct platform platform;
	const struct build_pair *args;
	size_t args_len;
	const struct build_pair *labels;
	size_t labels_len;
	const char *target; /* or NULL */
	const struct build_image *images;
	size_t images_len;
	const struct build_context *contexts;
	size_t contexts_len;
	const struct build_url *urls;
	size_t urls_len;
	bool has_epoch;
	int64_t epoch;                /* SOURCE_DATE_EPOCH */
	const char *network;          /* "default", "none", "host", or NULL */
	uint64_t shm_size;            /* bytes; 0: the builder's default */
	const char **hosts;           /* "name:address", NULL-terminated, or NULL */
	const char **ulimits;         /* "name=soft:hard", the same */
	const char *cgroup_parent;    /* or NULL */
	const char **entitlements;    /* NULL-terminated, or NULL; with ABILITY_RIGHTS */
	const char **no_cache_filter; /* stages; the same */
	const struct build_secret_source *secrets;
	size_t secrets_len;
	const struct build_pair *ssh; /* id -> path of a socket or key; "": the agent's */
	size_t ssh_len;
	const char **cache_from, **cache_to; /* NULL-terminated, or NULL; for builders that support them */
	bool pull;                           /* look for newer bases */
	bool keep;                           /* only a base: the result may stay in the builder's own storage */
	bool no_cache;
	const char *provenance;     /* "min", "max", or NULL: provenance attestation, ... */
	bool sbom;                  /* ... and an SBOM attestation: */
	const char *sbom_generator; /* by this scanner's image; NULL: the builder's default */
	const char *staging;        /* an empty folder for this job on the store's file system; the caller removes it */
	const struct output *output; /* log file and lines */
	/* Takes a sentence for who runs it, malloc'd, in the task. May be NULL. */
	void (*tell)(void *data, char *text);
	void *tell_data;
};

struct build_result {
	struct error *error;           /* NULL: success. Owned by the receiver of the result */
	bool dropped;                  /* did not fail itself: it was stopped because another job of the batch failed */
	char identity[DIGEST_LEN + 1]; /* digest of the canonical config (oci/image.h): equal for equal images */
	char id[DIGEST_LEN + 1]; /* its id in the builder's storage, which may differ between equal images; "" without one */
	char digest[DIGEST_LEN + 1];      /* manifest digest in the store; "" when it stayed with the builder */
	char attestation[DIGEST_LEN + 1]; /* digest of its attestation manifest in the store, or "" */
	char *place;                      /* "store" or builder_info.place; malloc'd, owned by the receiver */
	uint64_t size;                    /* bytes, compressed, of what is in the store; 0 when kept */
};

/* Called once for every job of the batch, in any order, on the task's thread or one of the builder's. */
typedef void build_done(void *data, size_t job, struct build_result *result);

/* What not every builder supports; bits of builder_info.abilities. */
enum builder_ability {
	ABILITY_HEREDOC = 1, /* RUN <<EOF */
	ABILITY_CHECK = 2,   /* checks a Dockerfile without building it */
	ABILITY_ATTEST = 4,  /* provenance and SBOM */
	ABILITY_GIT = 8,     /* ADD of a git repository */
	ABILITY_RIGHTS = 32, /* RUN steps with rights of their own (entitlements) */
	ABILITY_PIN = 16     /* what is fetched from a URL is what the lock says, or the build fails */
};

struct builder_info {
	const char *name; /* "buildah", "docker"; with the requested instance: "docker:fleet" */
	const char *version;
	const char *detail; /* how it works here, for people, or NULL */
	const char *runtime; /* the runtime with the same engine, which has its images ("docker", "containerd:k8s.io"); NULL: none */
	const char *place; /* its own storage as records name it ("containers-storage:/var/lib/containers/storage"), or NULL */
	bool sends_files;    /* must be told which files count, because they are sent to it */
	bool mounts_ignored; /* a RUN step that mounts a context also sees what the ignore file excludes */
	bool holds_urls;     /* it is told what it has to find at a URL; others are given what cbuild has fetched */
	bool own_images;     /* its engine may have images that no registry knows; */
	const char *engine;  /* where to look for them (own_image.h), or NULL; and whether */
	bool own_first;      /* its own tool builds on them even if a registry has an image of the same name */
	const struct platform *platforms; /* platforms that RUN steps can run on, native first */
	size_t platforms_len;
	size_t native_len; /* how many of them need no emulator; at least 1 */
	unsigned abilities;
};

/* The names of all builders, best first, NULL-terminated. */
const char *const *builder_names(void);
/* The name of an ability, for people; NULL when `bit` is none: for (bit = 1; ...; bit <<= 1). */
const char *builder_ability_name(unsigned bit);
/* The builder that the environment suggests (BUILDX_BUILDER, BUILDKIT_HOST, CONTAINERD_NAMESPACE, DOCKER_HOST), or
 * NULL. */
const char *builder_hinted(void);
/* The runtime that belongs to the builder called `name`, malloc'd, or NULL: builder_info.runtime, as far as the name tells. */
char *builder_runtime(const char *name);
/* What the builders of a run share. If only builder_info is needed, all but the loop may be NULL; for builder_check, state and layout. */
struct builder_means {
	struct loop *loop;
	struct state *state;
	struct layout *layout;
	struct logins *logins;
};
/*
 * Opens the builder called `name`, or with NULL the best one available. A name may include an instance: "docker:fleet"
 * is buildx's builder of that name. What was found out by trying (isolation, runtime, storage) is remembered in
 * `state`, and not tried again until the tool's binary changes. Runs children: call it on the loop's thread before
 * loop_run. ERROR_TOOL with a remedy, ERROR_USAGE for an unknown name.
 */
int builder_open(const char *name, const struct builder_means *means, struct builder **ret, struct error **err);
/* A builder described in a manifest: its driver and address. */
struct builder_spec {
	const char *name; /* builder_info.name */
	const char *driver;
	const char *addr;            /* for docker a host or the name of one of buildx's builders; NULL: the default */
	const char *ca, *cert, *key; /* files, or NULL */
};
int builder_open_spec(const struct builder_spec *spec, const struct builder_means *means, struct builder **ret,
		      struct error **err);
void builder_free(struct builder *builder); /* NULL-safe */
const struct builder_info *builder_info(const struct builder *builder);

/* Builds a batch of jobs (in a task). Returns when every job was reported. Verifies what builders get wrong: the
 * result's platform is the job's, and its layers begin with those of the intended base. */
void builder_build(struct builder *builder, const struct build_job *jobs, size_t len, build_done *done, void *data);

/* Checks, in a task, that it still answers: ERROR_TOOL when not. Builders that are not daemons always do. */
int builder_answers(struct builder *builder, struct error **err);

/* A finding of a builder's own checks of a Dockerfile. The texts are borrowed. */
struct builder_finding {
	const char *rule;       /* the builder's name for it ("StageNameCasing"), or NULL: it cannot be built at all */
	const char *text, *url; /* url: more about the rule, or NULL */
	unsigned line, last_line; /* of the Dockerfile, from 1; 0: all of it */
};
typedef void builder_found(void *data, const struct builder_finding *finding);
/* Checks the Dockerfile without building; needs ABILITY_CHECK. Reads only the job's context, dockerfile, text,
 * target, contexts and args. On the loop's thread before loop_run. ERROR_TOOL when the builder gives no answer. */
int builder_check(struct builder *builder, const struct build_job *job, builder_found *found, void *data,
		  struct error **err);

/* builder_info.engine and own_first of the builder called `name` (NULL: the best one), if known without opening it: malloc'd, or NULL. */
char *builder_known_engine(const char *name, struct state *state, bool *ret_own_first);

/* The storage that the builder called `name` would use now, if known from earlier: malloc'd, "" when it has no
 * storage of its own, NULL when unknown. Starts no process. */
char *builder_known_place(const char *name, struct state *state);

#endif
