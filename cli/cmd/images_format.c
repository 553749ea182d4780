#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cmd/images_format.h"
#include "cli/output.h"

static char *repository_of(const struct json *image)
{
	const char *reference = json_str(image, "reference");
	const char *colon = strrchr(reference, ':');
	size_t len = colon && !strchr(colon, '/') ? (size_t)(colon - reference) : strlen(reference);

	return mem_strndup(reference, len);
}

/* The reference for the next tool: by digest if the image was pushed, else its local tag. */
static void images_format_add_image(const struct json *image, struct buf *out)
{
	cleanup_free char *repository = repository_of(image);
	const char *pushed = json_str(image, "pushed");

	if (pushed)
		buf_printf(out, "%s@%s", repository, pushed);
	else
		buf_str(out, json_str(image, "reference"));
}

static const char *digest_of(const struct json *image)
{
	const char *pushed = json_str(image, "pushed");

	return pushed ? pushed : json_str(image, "digest");
}

/* "web", or for a format "web-zstd", with every byte that `fit` rejects replaced. */
static void images_format_add_name(const struct json *image, int (*fit)(int c), struct buf *out)
{
	const char *format = json_str(image, "format");
	cleanup_free char *name =
		mem_printf("%s%s%s", json_str(image, "service"), format ? "-" : "", format ? format : "");

	for (const char *c = name; *c; c++)
		buf_char(out, (char)fit((unsigned char)*c));
}

static int as_variable(int c)
{
	return isalnum(c) ? toupper(c) : '_';
}

static int as_output(int c)
{
	return isalnum(c) || c == '-' ? c : '_';
}

void images_env(const struct json *list, struct buf *out)
{
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *image = json_at(list, i);

		images_format_add_name(image, as_variable, out);
		buf_str(out, "_IMAGE=");
		images_format_add_image(image, out);
		buf_char(out, '\n');
	}
}

void images_kustomize(const struct json *list, struct buf *out)
{
	buf_str(out, json_len(list) ? "images:\n" : "images: []\n");
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *image = json_at(list, i);
		cleanup_free char *repository = repository_of(image);
		const char *reference = json_str(image, "reference"), *pushed = json_str(image, "pushed");

		if (json_str(image, "format"))
			continue; /* kustomize replaces a name by one image only */
		buf_printf(out, "  - name: %s\n    newName: %s\n", json_str(image, "service"), repository);
		if (pushed)
			buf_printf(out, "    digest: %s\n", pushed);
		else if (reference[strlen(repository)])
			buf_printf(out, "    newTag: \"%s\"\n", reference + strlen(repository) + 1);
	}
}

/* A service's name as a key of YAML: quoted where it would mean something else. */
static void images_format_add_key(const char *name, struct buf *out)
{
	static const char *const words[] = { "y", "n", "yes", "no", "on", "off", "true", "false", "null" };
	bool plain = isalpha((unsigned char)*name);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		plain = plain && strcasecmp(name, words[i]) != 0;
	buf_printf(out, plain ? "%s" : "\"%s\"", name);
}

void images_helm(const struct json *list, struct buf *out)
{
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *image = json_at(list, i);
		cleanup_free char *repository = repository_of(image);
		const char *reference = json_str(image, "reference"), *pushed = json_str(image, "pushed");

		if (json_str(image, "format"))
			continue; /* a service has one image there */
		images_format_add_key(json_str(image, "service"), out);
		buf_printf(out, ":\n  image:\n    repository: \"%s\"\n", repository);
		if (reference[strlen(repository)])
			buf_printf(out, "    tag: \"%s\"\n", reference + strlen(repository) + 1);
		if (pushed)
			buf_printf(out, "    digest: \"%s\"\n", pushed);
	}
}

void images_compose(const struct json *list, struct buf *out)
{
	buf_str(out, json_len(list) ? "services:\n" : "services: {}\n");
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *image = json_at(list, i);

		if (json_str(image, "format"))
			continue;
		buf_str(out, "  ");
		images_format_add_key(json_str(image, "service"), out);
		/* An image that is named by its digest is not built. */
		buf_printf(out, ":\n%s    image: \"", json_str(image, "pushed") ? "    build: !reset null\n" : "");
		images_format_add_image(image, out);
		buf_str(out, "\"\n");
	}
}

/* web_linux_amd64=registry/name@sha256:... */
static void add_platform_outputs(const struct json *image, struct buf *out)
{
	const struct json *platforms = json_get(image, "platforms");
	cleanup_free char *repository = repository_of(image);

	for (size_t i = 0; json_str(image, "pushed") && i < json_len(platforms); i++) {
		const struct json *member = json_at(platforms, i);

		images_format_add_name(image, as_output, out);
		buf_char(out, '_');
		for (const char *c = json_str(member, "platform"); *c; c++)
			buf_char(out, (char)as_output((unsigned char)*c));
		buf_printf(out, "=%s@%s\n", repository, json_str(member, "digest"));
	}
}

static void images_format_add_outputs(const struct json *list, struct buf *out)
{
	cleanup_json struct json *document = output_document("images", list);

	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *image = json_at(list, i);

		images_format_add_name(image, as_output, out);
		buf_char(out, '=');
		images_format_add_image(image, out);
		buf_char(out, '\n');
		add_platform_outputs(image, out);
	}
	buf_str(out, "images=");
	json_dump(document, JSON_COMPACT, out);
	buf_char(out, '\n');
}

static void images_format_add_table(const struct json *list, struct buf *out)
{
	buf_str(out, "| image | digest | platforms | checks |\n| --- | --- | --- | --- |\n");
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *image = json_at(list, i), *platforms = json_get(image, "platforms");

		buf_printf(out, "| `%s` | `%s` |", json_str(image, "reference"), digest_of(image));
		for (size_t j = 0; j < json_len(platforms); j++) {
			const struct json *member = json_at(platforms, j);

			buf_printf(out, "%s %s ", j ? "<br>" : "", json_str(member, "platform"));
			text_size(out, (uint64_t)json_int(member, "size"));
			buf_printf(out, " `%s`", json_str(member, "digest"));
		}
		buf_printf(out, " | %s |\n",
			   json_str(image, "format")      ? json_str(image, "format")
			   : json_bool(image, "verified") ? "passed"
							  : "none");
	}
}

static int images_format_append(const char *path, const struct buf *text, struct error **err)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "cannot write %s", path);
	return fs_write_all(fd, text->data, text->len, path, err);
}

bool images_github_asked(void)
{
	const char *output = getenv("GITHUB_OUTPUT"), *summary = getenv("GITHUB_STEP_SUMMARY");

	return (output && *output) || (summary && *summary);
}

int images_github(const struct json *list, struct buf *out, struct error **err)
{
	const char *output = getenv("GITHUB_OUTPUT"), *summary = getenv("GITHUB_STEP_SUMMARY");
	cleanup_buf struct buf outputs = { 0 }, table = { 0 };

	images_format_add_outputs(list, &outputs);
	if (!output || !*output)
		buf_add(out, outputs.data, outputs.len);
	else if (images_format_append(output, &outputs, err) < 0)
		return -1;
	if (!summary || !*summary)
		return 0;
	images_format_add_table(list, &table);
	return images_format_append(summary, &table, err);
}
