#include "config.h"

#include "base/salsa20.h"

#include <stdint.h>
#include <string.h>

#define BLOCK 64

static uint32_t load_word(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void store_word(unsigned char *bytes, uint32_t word)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (unsigned char)(word >> (8 * i));
}

static uint32_t rotate(uint32_t word, int by)
{
	return word << by | word >> (32 - by);
}

static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*b ^= rotate(*a + *d, 7);
	*c ^= rotate(*b + *a, 9);
	*d ^= rotate(*c + *b, 13);
	*a ^= rotate(*d + *c, 18);
}

/* The state: four constants on the diagonal, the key, and 16 bytes of input. */
static void salsa20_fill(uint32_t x[16], const unsigned char key[XSALSA20_KEY], const unsigned char input[16])
{
	static const unsigned char sigma[] = "expand 32-byte k";

	for (int i = 0; i < 4; i++) {
		x[5 * i] = load_word(sigma + 4 * i);
		x[1 + i] = load_word(key + 4 * i);
		x[11 + i] = load_word(key + 16 + 4 * i);
		x[6 + i] = load_word(input + 4 * i);
	}
}

static void twenty_rounds(uint32_t x[16])
{
	for (int i = 0; i < 10; i++) {
		quarter_round(&x[0], &x[4], &x[8], &x[12]);
		quarter_round(&x[5], &x[9], &x[13], &x[1]);
		quarter_round(&x[10], &x[14], &x[2], &x[6]);
		quarter_round(&x[15], &x[3], &x[7], &x[11]);
		quarter_round(&x[0], &x[1], &x[2], &x[3]);
		quarter_round(&x[5], &x[6], &x[7], &x[4]);
		quarter_round(&x[10], &x[11], &x[8], &x[9]);
		quarter_round(&x[15], &x[12], &x[13], &x[14]);
	}
}

/* HSalsa20: a key for this nonce, from its first 16 bytes. */
static void derive_key(const unsigned char key[XSALSA20_KEY], const unsigned char nonce[16],
		       unsigned char ret[XSALSA20_KEY])
{
	uint32_t x[16];

	salsa20_fill(x, key, nonce);
	twenty_rounds(x);
	for (int i = 0; i < 4; i++) {
		store_word(ret + 4 * i, x[5 * i]);
		store_word(ret + 16 + 4 * i, x[6 + i]);
	}
}

static void salsa20_block(const unsigned char key[XSALSA20_KEY], const unsigned char input[16], unsigned char ret[BLOCK])
{
	uint32_t begun[16], x[16];

	salsa20_fill(begun, key, input);
	memcpy(x, begun, sizeof(x));
	twenty_rounds(x);
	for (int i = 0; i < 16; i++)
		store_word(ret + 4 * i, x[i] + begun[i]);
}

void xsalsa20_stream(const unsigned char key[XSALSA20_KEY], const unsigned char nonce[XSALSA20_NONCE],
		     unsigned char *ret, size_t len)
{
	unsigned char own[XSALSA20_KEY], input[16] = { 0 }, block[BLOCK];

	derive_key(key, nonce, own);
	memcpy(input, nonce + 16, 8);
	for (uint64_t number = 0; len > 0; number++) {
		size_t part = len < BLOCK ? len : BLOCK;

		store_word(input + 8, (uint32_t)number);
		store_word(input + 12, (uint32_t)(number >> 32));
		salsa20_block(own, input, block);
		memcpy(ret, block, part);
		ret += part;
		len -= part;
	}
}
