#include "config.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/functions.h"

/* Functions of IP prefixes. */

__extension__ typedef unsigned __int128 address;

struct prefix {
	int family;
	long bits, width; /* of the network, and of an address */
	address base;
};

static address mask_of(const struct prefix *prefix, long bits)
{
	return bits ? ~(address)0 << (prefix->width - bits) : 0;
}

static bool parse_prefix(struct hcl_call *c, struct prefix *ret)
{
	const char *text = c->args[0]->text, *slash = strchr(text, '/');
	cleanup_free char *host = slash ? mem_strndup(text, (size_t)(slash - text)) : NULL;
	unsigned char bytes[16];
	char *end;

	*ret = (struct prefix){ .family = strchr(text, ':') ? AF_INET6 : AF_INET };
	ret->width = ret->family == AF_INET6 ? 128 : 32;
	if (!host || slash[1] < '0' || slash[1] > '9' || inet_pton(ret->family, host, bytes) != 1)
		return hcl_refuse(c, 0, "\"%s\" is not a prefix such as 10.0.0.0/8", text);
	ret->bits = strtol(slash + 1, &end, 10);
	if (*end || ret->bits > ret->width)
		return hcl_refuse(c, 0, "\"%s\" is not a prefix such as 10.0.0.0/8", text);
	for (long i = 0; i < ret->width / 8; i++)
		ret->base = ret->base << 8 | bytes[i];
	ret->base &= mask_of(ret, ret->bits);
	return true;
}

static const struct hcl_value *address_text(struct hcl_call *c, const struct prefix *prefix, address value, long bits)
{
	char text[INET6_ADDRSTRLEN] = "";
	unsigned char bytes[16];

	for (long i = prefix->width / 8; i-- > 0; value >>= 8)
		bytes[i] = (unsigned char)value;
	inet_ntop(prefix->family, bytes, text, sizeof(text));
	return hcl_string(c->e->heap, bits < 0 ? text : arena_printf(c->e->heap->arena, "%s/%ld", text, bits));
}

static const struct hcl_value *fn_cidrhost(struct hcl_call *c)
{
	struct prefix prefix;
	address room;
	long number;

	if (!parse_prefix(c, &prefix) || !hcl_whole(c, 1, -2147483647L, 2147483647L, &number))
		return NULL;
	room = prefix.width == prefix.bits
		       ? 1
		       : (address)1 << (prefix.width - prefix.bits > 64 ? 64 : prefix.width - prefix.bits);
	if ((address)labs(number) > room || (number >= 0 && (address)(unsigned long)number == room))
		return hcl_refuse(c, 1, "the prefix has no such host");
	if (number < 0)
		return address_text(c, &prefix, (prefix.base | ~mask_of(&prefix, prefix.bits)) - (address)(-number) + 1,
				    -1);
	return address_text(c, &prefix, prefix.base + (address)number, -1);
}

static const struct hcl_value *fn_cidrnetmask(struct hcl_call *c)
{
	struct prefix prefix;

	if (!parse_prefix(c, &prefix))
		return NULL;
	if (prefix.family != AF_INET)
		return hcl_refuse(c, 0, "only prefixes of IPv4 have a mask");
	return address_text(c, &prefix, mask_of(&prefix, prefix.bits), -1);
}

static const struct hcl_value *fn_cidrsubnet(struct hcl_call *c)
{
	struct prefix prefix;
	long more, number;

	if (!parse_prefix(c, &prefix) || !hcl_whole(c, 1, 0, prefix.width - prefix.bits, &more) ||
	    !hcl_whole(c, 2, 0, more < 31 ? (1L << more) - 1 : 2147483647L, &number))
		return NULL;
	if (prefix.bits + more > 0)
		prefix.base |= (address)number << (prefix.width - prefix.bits - more);
	return address_text(c, &prefix, prefix.base, prefix.bits + more);
}

/* One after the other, each at the next place where its length allows it. */
static const struct hcl_value *fn_cidrsubnets(struct hcl_call *c)
{
	const struct hcl_value **items = arena_array(c->e->heap->arena, c->len, sizeof(*items));
	struct prefix prefix;
	address next, size, end;
	long more;

	if (!parse_prefix(c, &prefix))
		return NULL;
	next = prefix.base;
	end = prefix.base | (~mask_of(&prefix, prefix.bits) & (prefix.width == 32 ? (address)0xffffffff : ~(address)0));
	for (size_t i = 1; i < c->len; i++) {
		if (!hcl_whole(c, i, 1, prefix.width - prefix.bits, &more))
			return NULL;
		size = (address)1 << (prefix.width - prefix.bits - more);
		next = (next + size - 1) / size * size;
		if (next > end || next < prefix.base)
			return hcl_refuse(c, i, "there is no room left in the prefix");
		items[i - 1] = address_text(c, &prefix, next, prefix.bits + more);
		next += size;
	}
	return hcl_sequence(c->e->heap, HCL_LIST, items, c->len - 1);
}

const struct hcl_function_row hcl_net_functions[] = {
	{ "cidrhost", fn_cidrhost, "sn" },
	{ "cidrnetmask", fn_cidrnetmask, "s" },
	{ "cidrsubnet", fn_cidrsubnet, "snn" },
	{ "cidrsubnets", fn_cidrsubnets, "sn." },
	{ 0 },
};
