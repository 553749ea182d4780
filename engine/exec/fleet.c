#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/platform.h"
#include "dsl/manifest.h"
#include "engine/builder/builder.h"
#include "engine/exec/fleet.h"

struct fleet_member {
	struct builder *builder;
	const struct manifest_builder *spec; /* NULL: the only one */
	size_t jobs;                         /* running now */
	size_t given;                        /* assigned in total */
	bool lost;
};

struct fleet {
	struct fleet_member *members;
	size_t len;
	bool shares;
	pthread_mutex_t lock;
};

struct fleet_seat {
	struct fleet *fleet;
	struct fleet_member *member;
};

/* How well a member suits a build. */
enum claim { CLAIM_NONE, CLAIM_EMULATED, CLAIM_NATIVE };

static struct fleet *fleet_make(size_t len)
{
	struct fleet *fleet = mem_alloc(sizeof(*fleet));

	fleet->members = mem_array(len, sizeof(*fleet->members));
	pthread_mutex_init(&fleet->lock, NULL);
	return fleet;
}

struct fleet *fleet_of_one(struct builder *builder)
{
	struct fleet *fleet = fleet_make(1);

	fleet->members[fleet->len++].builder = builder;
	return fleet;
}

int fleet_open_one(const struct manifest_builder *spec, const struct builder_means *means, struct builder **ret,
		   struct error **err)
{
	const struct builder_spec how = {
		.name = spec->name.s,
		.driver = spec->driver.s,
		.addr = spec->addr.s,
		.ca = spec->tls.ca.s,
		.cert = spec->tls.cert.s,
		.key = spec->tls.key.s,
	};

	return builder_open_spec(&how, means, ret, err);
}

int fleet_open(const struct manifest *manifest, const struct builder_means *means,
	       void (*left_out)(void *data, const char *name, const struct error *why), void *data, struct fleet **ret,
	       struct error **err)
{
	struct fleet *fleet = fleet_make(manifest->builders_len);
	cleanup_error struct error *first = NULL;

	fleet->shares = true;
	for (size_t i = 0; i < manifest->builders_len; i++) {
		const struct manifest_builder *spec = &manifest->builders[i];
		struct fleet_member *member = &fleet->members[fleet->len];
		struct error *error = NULL;

		if (fleet_open_one(spec, means, &member->builder, &error) == 0) {
			member->spec = spec;
			fleet->len++;
			continue;
		}
		if (error->cls != ERROR_TOOL && error->cls != ERROR_USAGE) {
			fleet_free(fleet);
			return error_move(err, &error);
		}
		left_out(data, spec->name.s, error);
		error_move(first ? NULL : &first, &error);
	}
	if (fleet->len == 0 && first) {
		fleet_free(fleet);
		error_make(err, ERROR_TOOL, "none of the manifest's builders can be used: %s", first->message);
		if (first->remedy)
			error_remedy(err, "%s", first->remedy);
		return -1;
	}
	*ret = fleet;
	return 0;
}

void fleet_free(struct fleet *fleet)
{
	if (!fleet)
		return;
	for (size_t i = 0; i < fleet->len; i++)
		builder_free(fleet->members[i].builder);
	pthread_mutex_destroy(&fleet->lock);
	free(fleet->members);
	free(fleet);
}

bool fleet_shares(const struct fleet *fleet)
{
	return fleet->shares;
}

const struct builder *fleet_only(const struct fleet *fleet)
{
	bug_if(!fleet->shares && fleet->len != 1, "one builder, and there are %zu", fleet->len);
	return fleet->shares ? NULL : fleet->members[0].builder;
}

static bool fleet_listed(const struct platform *list, size_t len, const struct platform *platform)
{
	for (size_t i = 0; i < len; i++)
		if (platform_equal(&list[i], platform))
			return true;
	return false;
}

static enum claim claim_of(const struct fleet_member *member, const struct fleet_want *want)
{
	const struct builder_info *info = builder_info(member->builder);
	const struct manifest_builder *spec = member->spec;
	const struct platform *platform = want->platform;

	if (member->lost || (want->abilities & ~info->abilities))
		return CLAIM_NONE;
	if (!spec || (spec->platforms_len > 0 ? fleet_listed(spec->platforms, spec->platforms_len, platform)
					      : fleet_listed(info->platforms, info->native_len, platform)))
		return CLAIM_NATIVE;
	return spec->emulate && fleet_listed(info->platforms, info->platforms_len, platform) ? CLAIM_EMULATED
											     : CLAIM_NONE;
}

static enum claim best_claim(const struct fleet *fleet, const struct fleet_want *want)
{
	enum claim best = CLAIM_NONE;

	for (size_t i = 0; i < fleet->len; i++) {
		enum claim claim = claim_of(&fleet->members[i], want);

		best = claim > best ? claim : best;
	}
	return best;
}

static bool has_room(const struct fleet_member *member)
{
	return !member->spec || member->jobs < member->spec->jobs;
}

static unsigned weight_of(const struct fleet_member *member)
{
	return member->spec ? member->spec->weight : 1;
}

static bool can(const struct fleet *fleet, const struct fleet_want *want)
{
	for (size_t i = 0; i < fleet->len; i++)
		if (!(want->abilities & ~builder_info(fleet->members[i].builder)->abilities))
			return true;
	return false;
}

static int nobody(const struct fleet *fleet, const struct fleet_want *want, struct error **err)
{
	const bool rights = want->abilities & ABILITY_RIGHTS;
	const char *what = rights ? "builds with `entitlements`" : "attestations";
	const char *with = rights ? " with `entitlements`" : " that can make attestations";
	const char *keys = rights ? "`entitlements`" : "`provenance` and `sbom`";
	cleanup_buf struct buf names = { 0 };
	char text[PLATFORM_TEXT];

	for (size_t i = 0; i < fleet->len; i++)
		buf_printf(&names, "%s%s%s", names.len > 0 ? ", " : "", builder_info(fleet->members[i].builder)->name,
			   fleet->members[i].lost ? " (no longer answers)" : "");
	if (!can(fleet, want)) {
		error_make(err, ERROR_TOOL, "no builder here can make %s: there is %s", what, names.data);
		error_remedy(err, "use docker or BuildKit: --builder=docker; or leave out %s", keys);
		return -1;
	}
	platform_text(want->platform, text);
	error_make(err, ERROR_TOOL, "no builder of the manifest builds for %s%s: there are %s", text,
		   want->abilities ? with : "", names.data);
	error_remedy(err, "add one under `builders`, or let one emulate it: `emulate: true`");
	return -1;
}

int fleet_check(struct fleet *fleet, const struct fleet_want *want, struct error **err)
{
	int r = 0;

	pthread_mutex_lock(&fleet->lock);
	if (best_claim(fleet, want) == CLAIM_NONE)
		r = nobody(fleet, want, err);
	pthread_mutex_unlock(&fleet->lock);
	return r;
}

/* Of the members with room and this claim, the one with the fewest assigned builds for its weight; NULL: none has
 * room. */
static struct fleet_member *least_given(struct fleet *fleet, const struct fleet_want *want, enum claim claim)
{
	struct fleet_member *best = NULL;

	for (size_t i = 0; i < fleet->len; i++) {
		struct fleet_member *member = &fleet->members[i];

		if (claim_of(member, want) != claim || !has_room(member))
			continue;
		if (!best || (member->given + 1) * weight_of(best) < (best->given + 1) * weight_of(member))
			best = member;
	}
	return best;
}

bool fleet_has_room(struct fleet *fleet, const struct fleet_want *want)
{
	enum claim claim;
	bool room;

	pthread_mutex_lock(&fleet->lock);
	claim = best_claim(fleet, want);
	room = claim == CLAIM_NONE || least_given(fleet, want, claim);
	pthread_mutex_unlock(&fleet->lock);
	return room;
}

/* If all are full, take the first candidate anyway. */
static struct fleet_member *fleet_own_take(struct fleet *fleet, const struct fleet_want *want, enum claim claim)
{
	struct fleet_member *member = least_given(fleet, want, claim);

	for (size_t i = 0; i < fleet->len && !member; i++)
		if (claim_of(&fleet->members[i], want) == claim)
			member = &fleet->members[i];
	return member;
}

int fleet_take(struct fleet *fleet, const struct fleet_want *want, struct fleet_seat **ret, struct error **err)
{
	enum claim claim;
	int r = 0;

	pthread_mutex_lock(&fleet->lock);
	claim = best_claim(fleet, want);
	if (claim == CLAIM_NONE) {
		r = nobody(fleet, want, err);
	} else {
		struct fleet_member *member = fleet_own_take(fleet, want, claim);

		bug_if(!member, "claim %d belongs to no builder", (int)claim);
		member->jobs++;
		member->given++;
		*ret = mem_alloc(sizeof(**ret));
		**ret = (struct fleet_seat){ fleet, member };
	}
	pthread_mutex_unlock(&fleet->lock);
	return r;
}

static struct fleet_member *member_of(struct fleet *fleet, const struct builder *builder)
{
	for (size_t i = 0; i < fleet->len; i++)
		if (fleet->members[i].builder == builder)
			return &fleet->members[i];
	return NULL;
}

void fleet_give_back(struct fleet_seat *place)
{
	if (!place)
		return;
	pthread_mutex_lock(&place->fleet->lock);
	bug_if(place->member->jobs == 0, "a slot of %s is released, but it has no jobs",
	       builder_info(place->member->builder)->name);
	place->member->jobs--;
	pthread_mutex_unlock(&place->fleet->lock);
	free(place);
}

struct builder *fleet_builder(const struct fleet_seat *place)
{
	return place->member->builder;
}

bool fleet_lose(struct fleet *fleet, const struct builder *builder)
{
	struct fleet_member *member;
	bool news;

	pthread_mutex_lock(&fleet->lock);
	member = member_of(fleet, builder);
	news = member && !member->lost;
	if (member)
		member->lost = true;
	pthread_mutex_unlock(&fleet->lock);
	return news;
}
