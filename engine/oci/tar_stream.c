#include "config.h"

#include "engine/oci/tar_stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

/* The part of the tar that comes next. */
enum part {
	PART_HEAD,      /* a block that begins an entry, or an extension of its header */
	PART_EXTENSION, /* the content of such an extension */
	PART_EXTENSION_PADDING,
	PART_CONTENT,
	PART_PADDING,
	PART_END
};

struct tar_stream {
	const struct tar_receiver *receiver;
	enum part part;
	uint64_t left;    /* bytes of this part, where it does not come in blocks */
	struct buf block; /* an incomplete block */
	struct buf heads; /* the blocks of the entry's header so far, including extensions */
	struct tar_head head;
};

struct tar_stream *tar_stream_new(const struct tar_receiver *receiver)
{
	struct tar_stream *stream = mem_alloc(sizeof(*stream));

	stream->receiver = receiver;
	return stream;
}

void tar_stream_free(struct tar_stream *stream)
{
	if (!stream)
		return;
	tar_head_free(&stream->head);
	buf_free(&stream->block);
	buf_free(&stream->heads);
	free(stream);
}

static int tar_stream_begin_entry(struct tar_stream *stream, struct error **err)
{
	const struct tar_receiver *receiver = stream->receiver;
	int r = receiver->entry(receiver->data, &stream->head, stream->heads.data, stream->heads.len, err);

	buf_reset(&stream->heads);
	stream->left = stream->head.size;
	stream->part = stream->left ? PART_CONTENT : PART_HEAD;
	if (!stream->left)
		tar_head_reset(&stream->head);
	return r;
}

static int take_block(struct tar_stream *stream, struct error **err)
{
	char block[TAR_BLOCK];
	int r;

	memcpy(block, stream->block.data, TAR_BLOCK);
	buf_reset(&stream->block);
	if (tar_head_is_end(block)) {
		stream->part = PART_END;
		return 0;
	}
	buf_add(&stream->heads, block, sizeof(block));
	r = tar_head_read(&stream->head, block, err);
	if (r < 0)
		return -1;
	if (r > 0)
		return tar_stream_begin_entry(stream, err);
	stream->left = stream->head.size;
	stream->part = stream->left ? PART_EXTENSION : PART_HEAD;
	return 0;
}

static int take_some(struct tar_stream *stream, const char *data, size_t len, struct error **err)
{
	const struct tar_receiver *receiver = stream->receiver;

	switch (stream->part) {
	case PART_EXTENSION:
		buf_add(&stream->heads, data, len);
		return tar_head_extend(&stream->head, data, len, err);
	case PART_EXTENSION_PADDING:
		buf_add(&stream->heads, data, len);
		break;
	case PART_CONTENT:
		return receiver->content(receiver->data, data, len, err);
	case PART_PADDING:
		return receiver->padding ? receiver->padding(receiver->data, data, len, err) : 0;
	case PART_HEAD:
	case PART_END:
		break;
	}
	return 0;
}

static int end_part(struct tar_stream *stream, struct error **err)
{
	enum part ended = stream->part;

	stream->part = PART_HEAD;
	if (ended != PART_EXTENSION && ended != PART_CONTENT)
		return 0;
	stream->left = tar_head_padding(stream->head.size);
	if (stream->left)
		stream->part = ended == PART_CONTENT ? PART_PADDING : PART_EXTENSION_PADDING;
	if (ended == PART_EXTENSION)
		return 0;
	if (stream->receiver->content_end(stream->receiver->data, err) < 0)
		return -1;
	tar_head_reset(&stream->head);
	return 0;
}

int tar_stream_add(struct tar_stream *stream, const void *data, size_t len, struct error **err)
{
	const char *at = data;

	while (len > 0 && stream->part != PART_END) {
		uint64_t most = stream->part == PART_HEAD ? TAR_BLOCK - stream->block.len : stream->left;
		size_t some = len < most ? len : (size_t)most;

		if (stream->part == PART_HEAD) {
			buf_add(&stream->block, at, some);
			if (stream->block.len == TAR_BLOCK && take_block(stream, err) < 0)
				return -1;
		} else {
			if (take_some(stream, at, some, err) < 0)
				return -1;
			stream->left -= some;
			if (stream->left == 0 && end_part(stream, err) < 0)
				return -1;
		}
		at += some;
		len -= some;
	}
	return 0;
}

int tar_stream_end(const struct tar_stream *stream, struct error **err)
{
	bool between = stream->part == PART_HEAD && !stream->block.len && !stream->heads.len;

	return stream->part == PART_END || between
		       ? 0
		       : error_make(err, ERROR_STATE, "the layer's tar ends within an entry");
}
