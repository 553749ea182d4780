#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/remotes.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/exec/former.h"
#include "engine/exec/tidy.h"
#include "engine/runtime/runtime.h"

static void prune_add_part(struct buf *out, const char *what, const struct tidy_part *part)
{
	if (part->count == 0)
		return;
	buf_printf(out, "%-10s %6zu  ", what, part->count);
	text_size(out, part->bytes);
	buf_char(out, '\n');
}

static void set_part(struct json *object, const char *what, const struct tidy_part *part)
{
	struct json *value = json_new_object();

	json_set_int(value, "count", (int64_t)part->count);
	json_set_int(value, "bytes", (int64_t)part->bytes);
	json_set(object, what, value);
}

static int freed_json(const struct options *options, const struct tidy_freed *freed, const struct tidy_part *images,
		      struct error **err)
{
	cleanup_json struct json *document = json_new_object();
	struct json *parts = json_new_object();

	json_set_int(document, "version", 1);
	json_set_bool(document, "dry_run", options->dry_run);
	json_set_int(parts, "services", (int64_t)freed->services);
	set_part(parts, "blobs", &freed->blobs);
	set_part(parts, "logs", &freed->logs);
	set_part(parts, "leftovers", &freed->leftovers);
	set_part(parts, "locks", &freed->locks);
	set_part(parts, "sources", &freed->sources);
	set_part(parts, "images", images);
	json_set(document, "freed", parts);
	set_part(document, "left", &freed->kept);
	return output_json(document, err);
}

static int print_freed(const struct options *options, const struct tidy_freed *freed, const struct tidy_part *images,
		       struct error **err)
{
	cleanup_buf struct buf out = { 0 };

	if (strcmp(options->format, "json") == 0)
		return freed_json(options, freed, images, err);
	if (freed->services)
		buf_printf(&out, "%-10s %6zu  for the bound\n", "services", freed->services);
	prune_add_part(&out, "blobs", &freed->blobs);
	prune_add_part(&out, "logs", &freed->logs);
	prune_add_part(&out, "leftovers", &freed->leftovers);
	prune_add_part(&out, "locks", &freed->locks);
	prune_add_part(&out, "sources", &freed->sources);
	prune_add_part(&out, "images", images);
	buf_str(&out, options->dry_run ? "would free " : "freed ");
	text_size(&out, freed->blobs.bytes + freed->logs.bytes + freed->leftovers.bytes + freed->locks.bytes +
				freed->sources.bytes + images->bytes);
	buf_printf(&out, ", %zu blobs of ", freed->kept.count);
	text_size(&out, freed->kept.bytes);
	buf_str(&out, options->dry_run ? " would be left\n" : " are left\n");
	return output_data(out.data, out.len, err);
}

static int prune(struct session *session, struct error **err)
{
	const struct options *options = session->options;
	cleanup_free const char **sources = remotes_used(session->remotes, session->manifest);
	struct tidy_options tidy = {
		.state_dir = session->state_dir,
		.bounded = options->keep_storage || session->manifest->store_max,
		.keep = session->manifest->store_max,
		.sources = sources,
		.dry = options->dry_run,
	};
	struct runtime_freed engine;
	struct tidy_part images;
	struct tidy_freed freed;

	if (options->keep_storage && !text_parse_size(options->keep_storage, &tidy.keep))
		return error_make(err, ERROR_USAGE, "--keep-storage takes a size (\"500MB\", \"2GiB\"), not \"%s\"",
				  options->keep_storage);
	if (!tidy.dry && session_alone(session, err) < 0)
		return -1;
	if (session_loop(session, err) < 0 ||
	    former_prune(session->state, session->loop, session->layout, tidy.dry, &engine, err) < 0)
		return -1;
	images = (struct tidy_part){ engine.count, engine.bytes };
	if (tidy_prune(session->layout, session->state, &tidy, &freed, err) < 0)
		return -1;
	return print_freed(options, &freed, &images, err);
}

int cmd_prune(const struct options *options, struct error **err)
{
	struct session session;
	int r;

	if (options->targets_len > 0)
		return error_make(err, ERROR_USAGE, "`cbuild prune` takes no target; `cbuild clean TARGET` forgets one");
	r = session_open(&session, options, err);
	if (r == 0)
		r = prune(&session, err);
	session_close(&session);
	return r;
}
