#include "config.h"

#include "engine/buildkit/secrets.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "engine/buildkit/proto/message.h"
#include "engine/buildkit/proto/session.pb-c.h"

/* Wipe the secret before the memory is reused. */
static void forget(struct buf *secret)
{
	if (secret->data)
		explicit_bzero(secret->data, secret->cap);
}

static int send_secret(struct grpc_call *call, const struct secret_source *source, struct error **err)
{
	Bk__SecretAnswer answer = BK__SECRET_ANSWER__INIT;
	cleanup_buf struct buf secret = { 0 };
	int r;

	if (source->file && fs_read(source->file, SECRET_MAX, &secret, err) < 0)
		return -1;
	if (!source->file)
		buf_str(&secret, source->value);
	answer.data.data = (uint8_t *)secret.data;
	answer.data.len = secret.len;
	r = grpc_send(call, &answer.base, err);
	forget(&secret);
	return r;
}

static int serve_secret(void *data, struct grpc_call *call, struct error **err)
{
	const struct secret_list *list = data;
	cleanup_message Bk__SecretRequest *request = NULL;

	if (grpc_receive(call, &bk__secret_request__descriptor, (void **)&request, err) <= 0)
		return -1;
	for (size_t i = 0; i < list->len; i++)
		if (strcmp(list->sources[i].id, request->id) == 0)
			return send_secret(call, &list->sources[i], err);
	return grpc_refuse(call, GRPC_NOT_FOUND, "there is no secret %s", request->id);
}

struct grpc_method secrets_method(const struct secret_list *list)
{
	return (struct grpc_method){ "/moby.buildkit.secrets.v1.Secrets/GetSecret", serve_secret,
				     (void *)(uintptr_t)list };
}
