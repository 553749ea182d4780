#include "config.h"

#include <string.h>

#include "base/diag.h"
#include "base/mem.h"
#include "dsl/decode.h"
#include "dsl/manifest.h"
#include "dsl/node.h"
#include "dsl/schema.h"

struct port_range {
	unsigned first, last;
};

/* "8000" or "8000-8010", up to `end`. */
static bool parse_range(const char *s, const char *end, struct port_range *ret)
{
	unsigned values[2] = { 0, 0 };
	int which = 0;

	for (const char *start = s; s < end; s++) {
		if (*s == '-' && !which && s > start) {
			which = 1;
			if (s + 1 == end)
				return false;
			continue;
		}
		if (*s < '0' || *s > '9' || values[which] > 65535)
			return false;
		values[which] = values[which] * 10 + (unsigned)(*s - '0');
	}
	*ret = (struct port_range){ values[0], which ? values[1] : values[0] };
	return ret->first >= 1 && ret->last >= ret->first && ret->last <= 65535;
}

struct port_list {
	struct port *items; /* in the arena */
	size_t len, cap;
};

static void decode_port_add_port(struct decode *d, const struct port *port, struct port_list *ports)
{
	struct port *items;

	if (ports->len == ports->cap) {
		ports->cap = ports->cap ? ports->cap * 2 : 4;
		items = arena_array(d->arena, ports->cap, sizeof(*items));
		if (ports->len)
			memcpy(items, ports->items, ports->len * sizeof(*items));
		ports->items = items;
	}
	ports->items[ports->len++] = *port;
}

static bool has_port(const struct port_list *ports, const struct port *port)
{
	for (size_t i = 0; i < ports->len; i++)
		if (ports->items[i].inner == port->inner && ports->items[i].outer == port->outer &&
		    ports->items[i].udp == port->udp)
			return true;
	return false;
}

/* One port of the machine for each of the container's, or a range for a single one. */
static void decode_port_add_ports(struct decode *d, const struct text *text, struct port_range inner,
				  struct port_range outer, const struct port *like, struct port_list *ports)
{
	bool single = inner.first == inner.last;

	for (unsigned number = inner.first; number <= inner.last; number++) {
		unsigned first = outer.first ? outer.first + (number - inner.first) : 0;
		struct port port = {
			.inner = (uint16_t)number,
			.outer = (uint16_t)first,
			.outer_last = (uint16_t)(single ? outer.last : first),
			.host = like->host,
			.udp = like->udp,
		};

		if (has_port(ports, &port))
			continue;
		if (ports->len == DECODE_PORTS_MAX) {
			diags_add(d->diags, text->pos, NULL, "a service may have at most %d ports", DECODE_PORTS_MAX);
			return;
		}
		decode_port_add_port(d, &port, ports);
	}
}

/* False after a complaint. */
static bool fit_ranges(struct decode *d, const struct text *text, struct port_range inner, struct port_range outer)
{
	if (!outer.first || inner.first == inner.last || outer.last - outer.first == inner.last - inner.first)
		return true;
	diags_add(d->diags, text->pos, NULL, "\"%s\": the two ranges of ports differ in length", text->s);
	return false;
}

static const char *last_colon(const char *start, const char *end)
{
	while (end > start)
		if (*--end == ':')
			return end;
	return NULL;
}

/* [[host_ip:][published]:]container[/protocol] (compose-spec, 05-services, ports, short syntax). */
static void short_port(struct decode *d, const struct text *text, struct port_list *ports)
{
	const char *slash = strchr(text->s, '/');
	const char *end = slash ? slash : text->s + strlen(text->s);
	const char *colon = last_colon(text->s, end);
	const char *start = colon ? colon + 1 : text->s;
	const char *host = colon ? last_colon(text->s, colon) : NULL;
	const char *published = host ? host + 1 : text->s;
	struct port_range container, outside = { 0, 0 };
	struct port like = { .udp = slash && strcmp(slash, "/udp") == 0 };

	if (slash && strcmp(slash, "/tcp") != 0 && strcmp(slash, "/udp") != 0 && strcmp(slash, "/sctp") != 0) {
		diags_add(d->diags, text->pos, "protocols are tcp, udp and sctp",
			  "\"%s\" is not a port: unknown protocol \"%s\"", text->s, slash + 1);
		return;
	}
	if (!parse_range(start, end, &container) ||
	    (colon && published < colon && !parse_range(published, colon, &outside))) {
		diags_add(d->diags, text->pos,
			  "write \"8000\", \"8080:8000\" or \"127.0.0.1:8080:8000/tcp\"; ports go from 1 to 65535",
			  "\"%s\" is not a port", text->s);
		return;
	}
	if (host && host > text->s)
		like.host = arena_strndup(d->arena, text->s, (size_t)(host - text->s));
	if (fit_ranges(d, text, container, outside) && (!slash || strcmp(slash, "/sctp") != 0))
		decode_port_add_ports(d, text, container, outside, &like, ports);
}

/* An optional part of a port's long form; false after a complaint. */
static bool port_part(struct decode *d, const struct schema_key *key, const struct yaml_node *map, const char *name,
		      struct text *ret)
{
	const struct yaml_node *node = node_get(map, name);

	*ret = (struct text){ 0 };
	return !node || node->kind == NODE_NULL || decode_text(d, key, node, ret);
}

static bool long_range(struct decode *d, const struct text *text, struct port_range *ret)
{
	*ret = (struct port_range){ 0 };
	if (!text->s || !*text->s || strcmp(text->s, "0") == 0 || parse_range(text->s, text->s + strlen(text->s), ret))
		return true;
	diags_add(d->diags, text->pos, "ports are numbers from 1 to 65535", "\"%s\" is not a port", text->s);
	return false;
}

static void long_port(struct decode *d, const struct schema_key *key, const struct yaml_node *node,
		      struct port_list *ports)
{
	struct text target, published, protocol, host;
	struct port_range inner, outer;
	struct port like;

	decode_known(d, key, node, "a port");
	if (!node_get(node, "target")) {
		diags_add(d->diags, node->pos, NULL, "a port needs \"target\": the container's port");
		return;
	}
	if (!port_part(d, key, node, "target", &target) || !port_part(d, key, node, "published", &published) ||
	    !port_part(d, key, node, "protocol", &protocol) || !port_part(d, key, node, "host_ip", &host))
		return;
	if (!target.s || !parse_range(target.s, target.s + strlen(target.s), &inner)) {
		diags_add(d->diags, target.s ? target.pos : node->pos, "ports are numbers from 1 to 65535",
			  "\"%s\" is not a port", target.s ? target.s : "");
		return;
	}
	like = (struct port){ .host = host.s && *host.s ? host.s : NULL,
			      .udp = protocol.s && strcmp(protocol.s, "udp") == 0 };
	if (!long_range(d, &published, &outer) || !fit_ranges(d, &target, inner, outer))
		return;
	if (!protocol.s || like.udp || strcmp(protocol.s, "tcp") == 0)
		decode_port_add_ports(d, &target, inner, outer, &like, ports);
}

void decode_ports(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	struct port_list ports = { 0 };
	struct text text;

	if (node->kind != NODE_LIST) {
		decode_wrong_type(d, key, node);
		return;
	}
	for (size_t i = 0; i < node->len; i++) {
		if (node->items[i]->kind == NODE_MAP)
			long_port(d, key, node->items[i], &ports);
		else if (node->items[i]->kind != NODE_SCALAR && node->items[i]->kind != NODE_BROKEN)
			diags_add(d->diags, node->items[i]->pos, NULL, "an item of \"%s\" must be a port, but this is %s",
				  key->name, node_type_name(node->items[i]));
		else if (decode_text(d, key, node->items[i], &text))
			short_port(d, &text, &ports);
	}
	decode_put_array(out, ports.items, ports.len);
}
