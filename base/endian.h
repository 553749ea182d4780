#ifndef BASE_ENDIAN_H
#define BASE_ENDIAN_H

#include <stdint.h>

/* Little-endian numbers at any address. */

static inline void le_put(void *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		((uint8_t *)at)[i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t le_get(const void *at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)((const uint8_t *)at)[i] << (8 * i);
	return value;
}

static inline void le_put16(void *at, uint16_t value)
{
	le_put(at, value, 2);
}

static inline void le_put32(void *at, uint32_t value)
{
	le_put(at, value, 4);
}

static inline void le_put64(void *at, uint64_t value)
{
	le_put(at, value, 8);
}

static inline uint16_t le_get16(const void *at)
{
	return (uint16_t)le_get(at, 2);
}

static inline uint32_t le_get32(const void *at)
{
	return (uint32_t)le_get(at, 4);
}

static inline uint64_t le_get64(const void *at)
{
	return le_get(at, 8);
}

#endif
