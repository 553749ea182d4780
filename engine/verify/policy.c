#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/manifest.h"
#include "engine/oci/image.h"
#include "engine/stack/findings.h"
#include "engine/verify/checks.h"

static bool policy_is_root(const char *user, size_t len)
{
	static const char root[] = "root";

	if (len == 0 || (len == strlen(root) && memcmp(user, root, len) == 0))
		return true;
	return strspn(user, "0") >= len;
}

bool policy_user(const char *wanted, const char *user)
{
	size_t len = strcspn(user, ":"), wanted_len = strcspn(wanted, ":");

	if (strcmp(wanted, "nonroot") == 0)
		return !policy_is_root(user, len);
	if (wanted[wanted_len] == ':')
		return strcmp(wanted, user) == 0;
	return wanted_len == len && memcmp(wanted, user, len) == 0;
}

static void policy_check_user(const struct verify_spec *spec, const struct image *image, const char *where,
			      struct findings *findings)
{
	const char *user = image->user ? image->user : "";

	if (!spec->user.s)
		return;
	if (policy_user(spec->user.s, user))
		findings_pass(findings, "%suser %s", where, user);
	else if (!*user)
		findings_fail(findings, ERROR_BUILD, "%suser: the image sets no user, so it runs as root, not %s%s",
			      where, strcmp(spec->user.s, "nonroot") == 0 ? "as another user" : "as ",
			      strcmp(spec->user.s, "nonroot") == 0 ? "" : spec->user.s);
	else
		findings_fail(findings, ERROR_BUILD, "%suser: the image runs as '%s', expected %s", where, user,
			      spec->user.s);
}

static void check_size(const struct verify_spec *spec, const struct image *image, const char *where,
		       struct findings *findings)
{
	cleanup_buf struct buf size = { 0 }, max = { 0 };

	if (spec->max_size == 0)
		return;
	text_size(&size, image->size);
	text_size(&max, spec->max_size);
	if (image->size <= spec->max_size)
		findings_pass(findings, "%ssize %s of %s", where, size.data, max.data);
	else
		findings_fail(findings, ERROR_BUILD,
			      "%smax_size: the image has %s (%llu bytes compressed), and at most %s is allowed", where,
			      size.data, (unsigned long long)image->size, max.data);
}

static void show_words(struct buf *out, char *const *words)
{
	buf_char(out, '[');
	for (size_t i = 0; words && words[i]; i++) {
		buf_str(out, i > 0 ? ", " : "");
		text_safe(out, words[i], strlen(words[i]));
	}
	buf_char(out, ']');
}

static bool same_words(const struct texts *wanted, char *const *words)
{
	size_t i = 0;

	for (; i < wanted->len; i++) {
		if (!words || !words[i] || strcmp(wanted->items[i].s, words[i]) != 0)
			return false;
	}
	return !words || !words[i];
}

static void check_entrypoint(const struct verify_spec *spec, const struct image *image, const char *where,
			     struct findings *findings)
{
	cleanup_buf struct buf has = { 0 }, wanted = { 0 };
	cleanup_free char **words = NULL;

	if (spec->entrypoint.len == 0)
		return;
	words = mem_array(spec->entrypoint.len + 1, sizeof(*words));
	for (size_t i = 0; i < spec->entrypoint.len; i++)
		words[i] = (char *)spec->entrypoint.items[i].s;
	show_words(&has, image->entrypoint);
	show_words(&wanted, words);
	if (same_words(&spec->entrypoint, image->entrypoint))
		findings_pass(findings, "%sentrypoint %s", where, has.data);
	else
		findings_fail(findings, ERROR_BUILD, "%sentrypoint: the image has %s, expected %s", where, has.data,
			      wanted.data);
}

static bool exposes(const struct image *image, const char *port)
{
	size_t len = strlen(port);

	for (char **one = image->ports; one && *one; one++) {
		if (strcmp(*one, port) == 0)
			return true;
		/* "8000" means "8000/tcp" */
		if (!strchr(port, '/') && strncmp(*one, port, len) == 0 && strcmp(*one + len, "/tcp") == 0)
			return true;
	}
	return false;
}

static void check_ports(const struct verify_spec *spec, const struct image *image, const char *where,
			struct findings *findings)
{
	for (size_t i = 0; i < spec->ports.len; i++) {
		const char *port = spec->ports.items[i].s;

		if (exposes(image, port))
			findings_pass(findings, "%sport %s exposed", where, port);
		else
			findings_fail(findings, ERROR_BUILD, "%sports: the image does not expose %s", where, port);
	}
}

static const char *find_label(const struct image *image, const char *key)
{
	for (char **label = image->labels; label && label[0] && label[1]; label += 2) {
		if (strcmp(label[0], key) == 0)
			return label[1];
	}
	return NULL;
}

static void check_labels(const struct verify_spec *spec, const struct image *image, const char *where,
			 struct findings *findings)
{
	for (size_t i = 0; i < spec->labels.len; i++) {
		const char *key = spec->labels.items[i].key.s, *wanted = spec->labels.items[i].value.s;
		const char *value = find_label(image, key);
		cleanup_buf struct buf shown = { 0 };

		if (value)
			text_safe(&shown, value, strlen(value));
		if (!value)
			findings_fail(findings, ERROR_BUILD, "%slabels: the image has no label %s", where, key);
		else if (wanted && strcmp(value, wanted) != 0)
			findings_fail(findings, ERROR_BUILD, "%slabels: %s is '%s', expected '%s'", where, key,
				      shown.data ? shown.data : "", wanted);
		else
			findings_pass(findings, "%slabel %s", where, key);
	}
}

void policy_image(const struct verify_spec *spec, const struct image *image, const char *where, struct findings *findings)
{
	policy_check_user(spec, image, where, findings);
	check_size(spec, image, where, findings);
	check_entrypoint(spec, image, where, findings);
	check_ports(spec, image, where, findings);
	check_labels(spec, image, where, findings);
}

static void policy_check_platforms(const struct verify_job *job, struct findings *findings)
{
	const struct texts *wanted = &job->service->verify.platforms;

	for (size_t i = 0; i < wanted->len; i++) {
		struct platform platform;
		bool found = false;

		if (platform_parse(wanted->items[i].s, &platform)) {
			for (size_t j = 0; j < job->members_len && !found; j++)
				found = platform_equal(&platform, &job->members[j].platform);
		}
		if (found)
			findings_pass(findings, "platform %s", wanted->items[i].s);
		else
			findings_fail(findings, ERROR_BUILD, "platforms: there is no image for %s", wanted->items[i].s);
	}
}

static bool asks_of_image(const struct verify_spec *spec)
{
	return spec->user.s || spec->max_size > 0 || spec->entrypoint.len > 0 || spec->ports.len > 0 ||
	       spec->labels.len > 0;
}

void policy_check(const struct verify_job *job, struct findings *findings)
{
	policy_check_platforms(job, findings);
	if (!asks_of_image(&job->service->verify))
		return;
	for (size_t i = 0; i < job->members_len; i++) {
		cleanup_free char *where = NULL;
		char platform[PLATFORM_TEXT];
		struct image *image = NULL;
		struct error *error = NULL;

		platform_text(&job->members[i].platform, platform);
		where = job->members_len > 1 ? mem_printf("%s: ", platform) : mem_strdup("");
		if (image_read(job->layout, job->members[i].digest, &image, &error) < 0) {
			findings_error(findings, platform, &error);
			continue;
		}
		policy_image(&job->service->verify, image, where, findings);
		image_free(image);
	}
}
