#include "config.h"

#include "cli/cmd/images_remote.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/session.h"
#include "engine/registry/client.h"
#include "engine/registry/heads.h"

struct remote_asked {
	struct head *heads; /* one for each reference */
	size_t *images;     /* index into the list of images, for each head */
	size_t len, heads_cap, images_cap;
};

static int images_remote_collect(const struct json *list, struct remote_asked *asked, struct error **err)
{
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *references = json_get(json_at(list, i), "references");

		for (size_t j = 0; j < json_len(references); j++) {
			const char *reference = json_text(json_at(references, j));

			mem_reserve(&asked->heads, &asked->heads_cap, asked->len + 1, sizeof(*asked->heads));
			mem_reserve(&asked->images, &asked->images_cap, asked->len + 1, sizeof(*asked->images));
			asked->images[asked->len] = i;
			if (!reference || !ref_parse(reference, &asked->heads[asked->len++].ref, NULL))
				return error_make(err, ERROR_STATE, "a record has an invalid name");
		}
	}
	return 0;
}

/* True when the index under the reference has exactly the same image for each local platform, ignoring attestations. */
static bool same_platforms(const struct json *image, const struct json *index)
{
	const struct json *here = json_get(image, "platforms"), *there = json_get(index, "manifests");
	size_t images = 0, found = 0;

	for (size_t i = 0; i < json_len(there); i++) {
		const struct json *member = json_at(there, i);
		const char *digest = json_str(member, "digest");
		const char *os = json_str(json_get(member, "platform"), "os");

		if (os && strcmp(os, "unknown") == 0)
			continue;
		images++;
		for (size_t j = 0; digest && j < json_len(here); j++)
			found += strcmp(json_str(json_at(here, j), "digest"), digest) == 0;
	}
	return images == json_len(here) && found == images;
}

static int images_remote_compare(struct session *session, const struct json *image, const struct head *head,
				 const char **ret_state, struct error **err)
{
	const char *pushed = json_str(image, "pushed");
	cleanup_json struct json *index = NULL;
	cleanup_free char *type = NULL;
	cleanup_buf struct buf text = { 0 };
	struct ref ref = head->ref;
	char digest[DIGEST_LEN + 1];
	int r;

	*ret_state = head->found ? "same" : "missing";
	if (!head->found || strcmp(head->digest, json_str(image, "digest")) == 0 ||
	    (pushed && strcmp(head->digest, pushed) == 0))
		return 0;
	ref.digest = (char *)head->digest;
	r = registry_manifest(session->registry, &ref, &text, &type, digest, err);
	if (r > 0)
		r = json_parse(text.data, text.len, digest, &index, err);
	if (r < 0)
		return -1;
	*ret_state = same_platforms(image, index) ? "same" : "differs";
	return 0;
}

static int add_answers(struct session *session, const struct remote_asked *asked, struct json *list, struct error **err)
{
	for (size_t i = 0; i < asked->len; i++) {
		const struct head *head = &asked->heads[i];
		struct json *image = (struct json *)json_at(list, asked->images[i]), *answer, *remote;
		cleanup_free char *reference = mem_printf("%s/%s:%s", head->ref.domain, head->ref.repository,
							  head->ref.tag ? head->ref.tag : "latest");
		const char *state;

		if (images_remote_compare(session, image, head, &state, err) < 0)
			return -1;
		remote = (struct json *)json_get(image, "remote");
		if (!remote)
			json_set(image, "remote", remote = json_new_array());
		answer = json_new_object();
		json_set_str(answer, "reference", reference);
		json_set_str(answer, "state", state);
		json_set_str(answer, "digest", head->found ? head->digest : NULL);
		json_append(remote, answer);
	}
	return 0;
}

int images_remote(struct session *session, struct json *list, struct error **err)
{
	struct remote_asked asked = { 0 };
	int r = images_remote_collect(list, &asked, err);

	if (r == 0)
		r = session_registry(session, err);
	if (r == 0 && asked.len > 0)
		r = heads_ask(session->registry, asked.heads, asked.len, false, err);
	if (r == 0)
		r = add_answers(session, &asked, list, err);
	for (size_t i = 0; i < asked.len; i++)
		ref_free(&asked.heads[i].ref);
	free(asked.heads);
	free(asked.images);
	return r;
}
