#include "config.h"

#include "engine/buildkit/reasons.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/buildkit/control.h"
#include "engine/buildkit/grpc.h"
#include "engine/buildkit/proto/message.h"
#include "engine/buildkit/proto/reasons.pb-c.h"

#define LINES_MAX 10000000 /* higher line numbers are invalid */

void control_failure_free(struct control_failure *failure)
{
	free(failure->message);
	free(failure->file);
	free(failure->source);
	*failure = (struct control_failure){ .exit_code = -1 };
}

static bool is_of(const char *type, const char *ending)
{
	size_t len = strlen(type), end = strlen(ending);

	return len >= end && strcmp(type + len - end, ending) == 0;
}

static int reason_line(const struct json *position)
{
	int64_t line = json_int(position, "line");

	return line > 0 && line < LINES_MAX ? (int)line : 0;
}

/* The place in the file; the first one reported is the one that matters. */
static void take_source(const struct json *json, struct control_failure *ret)
{
	const struct json *info = json_get(json, "info"), *range = json_at(json_get(json, "ranges"), 0);
	const char *data = json_str(info, "data"), *name = json_str(info, "filename");
	struct buf source = { 0 };

	if (ret->file || !info)
		return;
	ret->file = mem_strdup(name ? name : "");
	ret->line = reason_line(json_get(range, "start"));
	ret->last_line = reason_line(json_get(range, "end"));
	if (data && base64_decode(data, &source)) {
		ret->source_len = source.len;
		ret->source = buf_steal(&source);
	}
	buf_free(&source);
}

static void take_reason(const Bk__Reason *reason, struct control_failure *ret)
{
	bool source = is_of(reason->type_url, "errdefs.Source+json");
	cleanup_json struct json *json = NULL;

	if (!source && !is_of(reason->type_url, "gatewayapi.ExitMessage+json"))
		return;
	if (json_parse((const char *)reason->value.data, reason->value.len, "", &json, NULL) < 0)
		return;
	if (source)
		take_source(json, ret);
	else if (json_get(json, "Code"))
		ret->exit_code = (int)json_int(json, "Code");
}

void reasons_read(const struct grpc_call *call, struct control_failure *ret)
{
	const struct grpc_status status = grpc_status(call);
	cleanup_message Bk__Failure *failure = NULL;

	*ret = (struct control_failure){ .code = status.code, .exit_code = -1 };
	if (status.code <= GRPC_OK)
		return;
	ret->message = mem_strdup(status.message);
	if (!status.details)
		return;
	failure = message_unpack(&bk__failure__descriptor, status.details, status.details_len);
	for (size_t i = 0; failure && i < failure->n_details; i++)
		take_reason(failure->details[i], ret);
}
