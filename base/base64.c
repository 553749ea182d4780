#include "config.h"

#include <stdint.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t len, struct buf *out)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t group = (uint32_t)bytes[i] << 16;

		if (n > 1)
			group |= (uint32_t)bytes[i + 1] << 8;
		if (n > 2)
			group |= bytes[i + 2];
		for (size_t j = 0; j < 4; j++)
			buf_char(out, j <= n ? digits[group >> (18 - 6 * j) & 63] : '=');
	}
}

bool base64_decode(const char *text, struct buf *out)
{
	size_t len = strlen(text);
	uint32_t group = 0;
	unsigned bits = 0;

	while (len > 0 && text[len - 1] == '=')
		len--;
	if (strlen(text) - len > 2 || len % 4 == 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		const char *digit = strchr(digits, text[i]);

		if (!digit)
			return false;
		group = group << 6 | (uint32_t)(digit - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_char(out, (char)(group >> bits & 255));
		}
	}
	return true;
}
