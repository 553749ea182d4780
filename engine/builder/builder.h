#ifndef ENGINE_BUILDER_BUILDER_H
#define ENGINE_BUILDER_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/xxh3.h"
#include "base/platform.h"

struct error;
struct layout;
struct loop;
struct output;
struct state;

/*
 * A builder executes Dockerfiles. It is an interface: a child process (buildah, docker buildx) or a
 * connection can stand behind it, and nothing outside engine/builder/ knows which.
 *
 * builder_build is called in a task and blocks it (docs/decisions.md, "tasks"): one call is one batch,
 * results and progress are reported through callbacks as they come, so a batch of many
 * jobs reports each as soon as it is known.
 */
struct builder;

enum image_where {
	IMAGE_LOCAL, /* in the storage of this builder (builder_place), by its id there */
	IMAGE_STORE, /* in cbuild's store, by its manifest digest */
	IMAGE_REMOTE /* in a registry (or the engine), by its reference */
};

/* An image that a Dockerfile mentions, resolved. One entry a mention: the same name may stand for
 * different images in stages of different platforms. */
struct build_image {
	const char *name; /* as the Dockerfile means it, variables resolved */
	size_t offset,
		length; /* the bytes of the mention in the Dockerfile's text; length 0: it stands in an ONBUILD of the base,
				   * and is found by its name */
	bool from;      /* a FROM (else COPY --from or a mount) */
	bool base;      /* what the result's own layers stand on: the FROM of the target stage, or of the
	                           * stage that the target stage is FROM, and so on. One at most; none for scratch */
	struct platform platform; /* that the stage runs on */
	enum image_where where;
	const char *identity;  /* config digest; NULL when not known (IMAGE_REMOTE) */
	const char *id;        /* IMAGE_LOCAL: build_result.id of the build that made it */
	const char *digest;    /* IMAGE_STORE: manifest digest */
	const char *reference; /* IMAGE_REMOTE: what to pull: by digest, or an engine's own by name (own_images) */
	/* And how its registry is talked to, for those that pull it themselves: */
	bool plain;             /* plain HTTP will do */
	const char *const *ca;  /* PEM files, NULL-terminated, or NULL */
	const char *cert, *key; /* PEM files, or NULL */
};

struct build_pair {
	const char *key;
	const char *value;
};

/* Something in a context that counts: a file, a folder or a link. */
struct build_file {
	const char *path;      /* within the context; bytes */
	uint32_t mode;         /* st_mode */
	uint64_t size;         /* of a file */
	int64_t mtime;         /* nanoseconds since 1970 */
	const char *link;      /* text of a link */
	struct hash128 digest; /* content of a file */
};

/* A named context that is a folder or a URL (those that are images are in `images`). */
struct build_context {
	const char *name;
	const char *value;              /* absolute path or URL */
	const struct build_file *files; /* of a folder, for builders with `sends_files` */
	size_t files_len;
};

/* What the build fetches: whatever is there, or what it is held to. */
struct build_url {
	const char *url; /* as the Dockerfile or the context has it, with a login that it may hold */
	bool git;
	const char *pin; /* "sha256:...", "commit:...", or NULL */
	/* An ADD that was fetched already, for builders without `holds_urls`: */
	const char *folder, *file;  /* the folder that has it, and its name there; or NULL */
	const char *context, *copy; /* what the folder is called as a context, and what stands for the word ADD then */
	size_t add, add_len;        /* where that word stands in the text, */
	size_t offset, length;      /* and the URL */
};

/* Handed over by the file's name, or in the client's environment: never in an argument's value. */
struct build_secret_source {
	const char *id;
	const char *file;  /* absolute path, or NULL: */
	const char *value; /* the secret itself */
};

struct build_job {
	const char *id;                 /* the node's id, "build:indexer:linux/arm64": for errors and file names */
	const char *context;            /* absolute path */
	const struct build_file *files; /* for builders with `sends_files`: what counts of it */
	size_t files_len;
	const char *dockerfile; /* absolute path, for messages and for builders that read it themselves */
	const char *text;       /* its bytes, as hashed */
	size_t text_len;
	const char *ignore_file; /* absolute path of the ignore file that counts, or NULL */
	const char *key;         /* of the node: another one whenever anything is that the build reads */
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
	int64_t epoch;       /* SOURCE_DATE_EPOCH */
	const char *network; /* "default", "none", "host", or NULL */
	uint64_t shm_size;   /* bytes; 0: the builder's */
	const char **hosts;  /* "name:address", NULL-terminated, or NULL */
	const struct build_secret_source *secrets;
	size_t secrets_len;
	const struct build_pair *ssh; /* id -> path of a socket or key; "": the agent's */
	size_t ssh_len;
	const char **cache_from, **cache_to; /* NULL-terminated, or NULL; for builders that can use them */
	bool pull;                           /* ask for bases anew */
	bool keep;                           /* a base only: the result may stay in the builder's own storage */
	bool no_cache;
	const char *provenance;     /* "min", "max", or NULL: what the builder says beside the image, ... */
	bool sbom;                  /* ... and whether it lists what is in it: */
	const char *sbom_generator; /* by this scanner's image; NULL: by its own */
	const char *staging; /* an empty folder of the job's own on the store's file system; the caller removes it */
	const struct output *output; /* log file and lines */
};

struct build_result {
	struct error *error;           /* NULL: done. Owned by the receiver of the result */
	bool dropped;                  /* not its own failure: it was stopped because another job of the batch failed */
	char identity[DIGEST_LEN + 1]; /* digest of the canonical config (oci/image.h): equal for equal images */
	char id[DIGEST_LEN + 1]; /* when kept: what the builder's storage calls it, which need not be the same twice */
	char digest[DIGEST_LEN + 1];      /* manifest digest in the store; "" when it stayed with the builder */
	char attestation[DIGEST_LEN + 1]; /* the manifest of what was asked to be said about it, in the store, or "" */
	char *place;                      /* "store" or builder_place(); malloc'd, the receiver's */
	uint64_t size;                    /* bytes, compressed, of what is in the store; 0 when kept */
};

/* Called once for every job of the batch, in any order, on the task's thread or on one of the builder's. */
typedef void build_done(void *data, size_t job, struct build_result *result);

/* What not every builder can do; bits of builder_info.abilities. */
enum builder_ability {
	ABILITY_HEREDOC = 1, /* RUN <<EOF */
	ABILITY_CHECK = 2,   /* looks a Dockerfile over without building it */
	ABILITY_ATTEST = 4,  /* provenance and SBOM */
	ABILITY_GIT = 8,     /* ADD of a git repository */
	ABILITY_PIN = 16     /* what is fetched from a URL is what the lock says, or the build fails */
};

struct builder_info {
	const char *name; /* "buildah", "docker"; with the instance that was asked for: "docker:fleet" */
	const char *version;
	const char *detail; /* how it works here, for people, or NULL */
	const char *runtime; /* that has the same engine behind it, where what it builds is looked for ("docker"); NULL: none */
	const char *place; /* its own storage as records name it ("containers-storage:/var/lib/containers/storage"), or NULL */
	bool sends_files;    /* it is sent the files that count, and needs to be told which they are */
	bool mounts_ignored; /* a RUN step that mounts a context sees what the ignore file leaves out */
	bool holds_urls;     /* it is told what it has to find at a URL; others are given what cbuild has fetched */
	bool own_images;     /* its engine may have an image under a name that no registry knows */
	const struct platform *platforms; /* that RUN steps work for, native first */
	size_t platforms_len;
	size_t native_len; /* of them, those that need no emulator; at least 1 */
	unsigned abilities;
};

/* The names of all builders, best first, NULL-terminated. */
const char *const *builder_names(void);
/* What the name of an ability is for people, or NULL when `bit` is none: for (bit = 1; ...; bit <<= 1). */
const char *builder_ability_name(unsigned bit);
/* The builder that the environment is set up for (BUILDX_BUILDER, BUILDKIT_HOST, CONTAINERD_NAMESPACE, DOCKER_HOST), or NULL. */
const char *builder_hinted(void);
/* The runtime that goes with the builder called `name`, or NULL: as builder_info.runtime, as far as the name tells it. */
const char *builder_runtime(const char *name);
/*
 * Opens the builder called `name`, or with NULL the best one that is found. A name may be followed by the instance
 * that is meant: "docker:fleet" is buildx's builder of that name. What had to be found out by
 * trying (isolation, runtime, storage) is remembered in `state` and not tried again while the tool's binary
 * is the same. Runs children: call it on the loop's thread before loop_run. ERROR_TOOL with a remedy, ERROR_USAGE when
 * nothing has that name. Only to read its builder_info, `state` and `layout` may be NULL.
 */
int builder_open(const char *name, struct loop *loop, struct state *state, struct layout *layout, struct builder **ret,
		 struct error **err);
/* One that was described: which driver, where it is. */
struct builder_spec {
	const char *name; /* what it is called; builder_info.name */
	const char *driver;
	const char *addr;            /* of docker a host or the name of a builder of buildx's; NULL: the default */
	const char *ca, *cert, *key; /* files, or NULL */
};
int builder_open_spec(const struct builder_spec *spec, struct loop *loop, struct state *state, struct layout *layout,
		      struct builder **ret, struct error **err);
void builder_free(struct builder *builder); /* NULL-safe */
const struct builder_info *builder_info(const struct builder *builder);

/* Builds a batch of jobs, at most builder_info.batch (task's thread). Returns when every job was reported. Checks what builders get wrong:
 * the result's platform is the job's, and its layers begin with those of the base that was meant. */
void builder_build(struct builder *builder, const struct build_job *jobs, size_t len, build_done *done, void *data);

/* Asks whether it is still there, in a task: ERROR_TOOL when not. One that is no daemon always is. */
int builder_answers(struct builder *builder, struct error **err);

/* What a builder itself says about a Dockerfile. The texts are borrowed. */
struct builder_finding {
	const char *rule;       /* the builder's name for it ("StageNameCasing"), or NULL: it cannot be built at all */
	const char *text, *url; /* url: more about the rule, or NULL */
	unsigned line, last_line; /* of the Dockerfile, from 1; 0: all of it */
};
typedef void builder_found(void *data, const struct builder_finding *finding);
/* Has the Dockerfile looked over, nothing is built; for a builder with ABILITY_CHECK. Of the job only context, dockerfile, text, target, contexts and
 * args are read. On the loop's thread before loop_run. ERROR_TOOL when it gives no answer. */
int builder_check(struct builder *builder, const struct build_job *job, builder_found *found, void *data,
		  struct error **err);

/* The place of the storage that the builder called `name` would use now, when that was found out before: malloc'd, "" when
 * it has none of its own, or NULL when it is not known. Starts no process. */
char *builder_known_place(const char *name, struct state *state);

#endif
