#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "engine/io/proc.h"
#include "engine/registry/credentials.h"
#include "engine/registry/helper.h"

#define HELPER_MS 60000
#define WORD_MAX 16 /* characters of a word that is shown, unless it is a path or a URL */
#define SHOWN_MAX 300
#define HELPER_MAX (64u * 1024)

/* Helpers' messages for "no credentials", with status 1. */
static const char *const nothing[] = { "credentials not found in native keychain", "no credentials server URL",
				       "no credentials username" };

static bool says_nothing(const struct buf *out)
{
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
		if (out->data && strstr(out->data, nothing[i]))
			return true;
	}
	return false;
}

/* Turns an error of starting or ending it into a login error. */
static int helper_fail(struct error **err, struct error *error, const char *program)
{
	enum error_class cls = error->cls == ERROR_CANCELLED ? ERROR_CANCELLED : ERROR_REGISTRY;

	error_make(err, cls, "the credential helper %s: %s", program, error->message);
	error_free(error);
	return -1;
}

static int call(struct loop *loop, const char *helper, const char *verb, const char *input, uint64_t ms,
		struct proc_result *ret, struct error **err)
{
	cleanup_free char *program = mem_printf("docker-credential-%s", helper);
	const char *const argv[] = { program, verb, NULL };
	const struct proc_spec spec = { .argv = argv,
					.input = input,
					.input_len = strlen(input),
					.capture = true,
					.timeout_ms = ms > HELPER_MS ? ms : HELPER_MS };
	struct error *error = NULL;

	if (!ref_name_valid(helper))
		return error_make(err, ERROR_REGISTRY, "\"%s\" cannot be the name of a credential helper", helper);
	if (proc_run(loop, &spec, ret, &error) < 0) {
		helper_fail(err, error, program);
		error_remedy(err, "install it, or remove it from docker's config.json");
		return -1;
	}
	if (ret->out->len > HELPER_MAX) {
		proc_result_free(ret);
		return error_make(err, ERROR_REGISTRY, "the credential helper %s answers with more than %u KiB",
				  program, HELPER_MAX / 1024);
	}
	return 0;
}

/* Words that a secret may be: long ones that are no path or address, and what is assigned. */
static bool may_be_secret(const char *word, size_t len)
{
	bool place = *word == '/' || (len > 8 && (memcmp(word, "http://", 7) == 0 || memcmp(word, "https://", 8) == 0));

	if (memchr(word, '=', len) || memchr(word, '@', len) || memchr(word, '{', len) || memchr(word, '?', len))
		return true;
	return len >= WORD_MAX && !place;
}

/* Appends the first line of `text`, as it may be shown. */
static void add_shown(struct buf *out, const char *text)
{
	const char *end;
	bool hide = false;

	text += strspn(text, " \t\r\n");
	end = text + strcspn(text, "\r\n");
	while (text < end && out->len < SHOWN_MAX) {
		size_t len = strcspn(text, " \t\r\n");

		buf_str(out, out->len ? " " : "");
		if (hide || may_be_secret(text, len))
			buf_str(out, "***");
		else
			text_safe(out, text, len);
		hide = text[len - 1] == ':' && (memmem(text, len, "assword", 7) || memmem(text, len, "ecret", 5) ||
						memmem(text, len, "oken", 4));
		text += len;
		text += strspn(text, " \t");
	}
}

static int bad_status(const struct proc_result *result, const char *helper, const char *verb, struct error **err)
{
	cleanup_buf struct buf shown = { 0 };

	add_shown(&shown, result->out && result->out->len ? result->out->data : result->tail);
	buf_str(&shown, "");
	return error_make(err, ERROR_REGISTRY,
			  "the credential helper docker-credential-%s ended with status %d on \"%s\"%s%s", helper,
			  result->status, verb, shown.len ? ": " : "", shown.data);
}

static int read_answer(const struct buf *out, const char *helper, struct credentials *ret, struct error **err)
{
	cleanup_json struct json *answer = NULL;
	const char *username, *secret;

	if (json_parse(out->data ? out->data : "", out->len, helper, &answer, NULL) < 0)
		return error_make(err, ERROR_REGISTRY,
				  "the credential helper docker-credential-%s does not answer in JSON", helper);
	username = json_str(answer, "Username");
	secret = json_str(answer, "Secret");
	if (!username || !secret)
		return error_make(err, ERROR_REGISTRY,
				  "the answer of the credential helper docker-credential-%s has no Username and Secret",
				  helper);
	if (strcmp(username, "<token>") == 0) {
		ret->identity_token = mem_strdup(secret);
	} else {
		ret->username = mem_strdup(username);
		ret->password = mem_strdup(secret);
	}
	ret->from = mem_printf("docker-credential-%s", helper);
	return 1;
}

int helper_get(struct loop *loop, const char *helper, const char *server, uint64_t ms, struct credentials *ret,
	       struct error **err)
{
	cleanup_proc struct proc_result result = { 0 };

	if (call(loop, helper, "get", server, ms, &result, err) < 0)
		return -1;
	if (result.status == 0)
		return read_answer(result.out, helper, ret, err);
	return says_nothing(result.out) ? 0 : bad_status(&result, helper, "get", err);
}

int helper_store(struct loop *loop, const char *helper, const char *server, const struct credentials *credentials,
		 struct error **err)
{
	cleanup_proc struct proc_result result = { 0 };
	cleanup_json struct json *input = json_new_object();
	cleanup_buf struct buf text = { 0 };

	json_set_str(input, "ServerURL", server);
	json_set_str(input, "Username", credentials->username);
	json_set_str(input, "Secret", credentials->password);
	json_dump(input, JSON_COMPACT, &text);
	if (call(loop, helper, "store", text.data, 0, &result, err) < 0)
		return -1;
	return result.status == 0 ? 0 : bad_status(&result, helper, "store", err);
}

int helper_erase(struct loop *loop, const char *helper, const char *server, struct error **err)
{
	cleanup_proc struct proc_result result = { 0 };

	if (call(loop, helper, "erase", server, 0, &result, err) < 0)
		return -1;
	if (result.status == 0)
		return 1;
	return says_nothing(result.out) ? 0 : bad_status(&result, helper, "erase", err);
}
