#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/up/up_internal.h"

#define PORTS_MAX 512 /* bindings of one container that are considered */
#define GRACE_S 10    /* to stop, where the manifest says nothing; compose's default */

static struct container *take_standing(struct up *up, const char *service)
{
	for (size_t i = 0; i < up->standing_len; i++) {
		const char *of = up->standing[i] ? container_service(up->standing[i]) : NULL;

		if (of && strcmp(of, service) == 0)
			return steal_ptr(up->standing[i]);
	}
	return NULL;
}

static int attach_standing(struct up *up, struct error **err)
{
	char **names = NULL;
	size_t len = 0;
	int r = 0;

	if (runtime_standing(up->job->runtime, NULL, &names, err) < 0)
		return -1;
	while (names[len])
		len++;
	up->standing = mem_array(len + 1, sizeof(struct container *));
	for (size_t i = 0; i < len && r == 0; i++) {
		r = container_attach(up->job->runtime, names[i], &up->standing[i], err);
		up->standing_len += r == 0;
	}
	names_free(names);
	if (up->job->left)
		left_match(up);
	return r;
}

int standing_find(struct up *up, struct error **err)
{
	if (!left_take(up) && attach_standing(up, err) < 0)
		return -1;
	for (size_t i = 0; i < up->stack.len; i++)
		up->old[i] = take_standing(up, up->stack.actors[i].name);
	return 0;
}

static void leave_list(struct container **list, size_t len)
{
	for (size_t i = 0; i < len; i++)
		container_leave(list[i]);
	free(list);
}

void standing_leave(struct up *up)
{
	leave_list(up->standing, up->standing_len);
	leave_list(up->old, up->stack.len);
}

static void fill_publish(const struct actor *actor, struct container_spec *spec)
{
	const struct service *service = actor->part->service;
	struct runtime_publish *publish = arena_array(actor->arena, service->ports_len + 1, sizeof(*publish));

	for (size_t i = 0; i < service->ports_len; i++) {
		const struct port *port = &service->ports[i];

		publish[i] =
			(struct runtime_publish){ port->inner, port->outer, port->outer_last, port->host, port->udp };
	}
	spec->publish = publish;
	spec->publish_len = service->ports_len;
}

static bool start_part_is_taken(const struct runtime_publish *publish, size_t len, uint16_t outer)
{
	for (size_t i = 0; i < len; i++) {
		if (publish[i].outer <= outer && outer <= publish[i].outer_last)
			return true;
	}
	return false;
}

/* Reuse the old container's free port, so that open browser tabs still work. */
static void keep_ports(const struct actor *actor, const struct container *old, struct container_spec *spec)
{
	struct container_port ports[PORTS_MAX];
	size_t len = container_ports(old, ports, PORTS_MAX);
	struct runtime_publish *publish = arena_array(actor->arena, spec->publish_len + 1, sizeof(*publish));

	for (size_t i = 0; i < spec->publish_len; i++)
		publish[i] = spec->publish[i];
	for (size_t i = 0; i < spec->publish_len; i++) {
		for (size_t j = 0; j < len && publish[i].outer == 0; j++) {
			if (ports[j].inner == publish[i].inner && ports[j].udp == publish[i].udp &&
			    !start_part_is_taken(publish, spec->publish_len, ports[j].outer))
				publish[i].outer = publish[i].outer_last = ports[j].outer;
		}
	}
	spec->publish = publish;
}

/* The volume's name in compose, so that volumes made by compose are found. */
static const char *volume_name(struct up *up, const struct actor *actor, const char *name)
{
	return arena_printf(actor->arena, "%s_%s", up->job->manifest->prefix, name);
}

static int fill_mount(struct up *up, const struct actor *actor, const struct mount *mount, const char **ret,
		      struct error **err)
{
	const char *source = mount->source.s, *options = mount->options;
	struct stat st;
	int there = mount->kind != MOUNT_BIND ? 1 : source ? fs_find(source, &st, err) : 0;

	if (there < 0)
		return -1;
	if (!there)
		return error_make(err, ERROR_USAGE, "%s, a volume of %s, does not exist",
				  source ? source : "the source", mount->target);
	if (mount->kind == MOUNT_VOLUME && source)
		source = volume_name(up, actor, source);
	*ret = arena_printf(actor->arena, "%s%s%s%s%s", source ? source : "", source ? ":" : "", mount->target,
			    *options && source ? ":" : "", source ? options : "");
	return 0;
}

static int fill_mounts(struct up *up, const struct actor *actor, struct container_spec *spec, struct error **err)
{
	const struct service *service = actor->part->service;
	size_t len = 0, tmpfs_len = 0, most = service->mounts_len + service->tmpfs.len + service->files_len + 1;
	const char **volumes = arena_array(actor->arena, most, sizeof(*volumes));
	const char **tmpfs = arena_array(actor->arena, most, sizeof(*tmpfs));

	for (; spec->volumes && spec->volumes[len]; len++)
		volumes[len] = spec->volumes[len];
	for (; spec->tmpfs && spec->tmpfs[tmpfs_len]; tmpfs_len++)
		tmpfs[tmpfs_len] = spec->tmpfs[tmpfs_len];
	for (size_t i = 0; i < service->mounts_len; i++) {
		const struct mount *mount = &service->mounts[i];

		if (mount->kind == MOUNT_TMPFS)
			tmpfs[tmpfs_len++] = mount->target;
		else if (fill_mount(up, actor, mount, &volumes[len++], err) < 0)
			return -1;
	}
	spec->volumes = volumes;
	spec->tmpfs = tmpfs;
	return 0;
}

static void fill_labels(const struct actor *actor, const char *config, struct container_spec *spec)
{
	struct runtime_pair *labels = arena_array(actor->arena, 2, sizeof(*labels));

	labels[0] = (struct runtime_pair){ RUNTIME_SERVICE, actor->name };
	labels[1] = (struct runtime_pair){ RUNTIME_CONFIG, arena_strdup(actor->arena, config) };
	spec->labels = labels;
	spec->labels_len = 2;
}

/* True when the standing container has the wanted configuration, and runs or has completed. */
static bool fits(struct container *old, const char *config, int condition)
{
	const char *was = container_config(old);
	bool running = false;
	int status = 0;

	if (!was || strcmp(was, config) != 0 || container_state(old, &running, &status, NULL) < 0)
		return false;
	return running || (condition == DEPENDS_COMPLETED && status == 0);
}

/* Where the network does not resolve names (podman) the others know the old address, so it is asked for again; docker refuses that. */
static const char *start_part_address_of(struct up *up, const struct actor *actor, const struct container *old)
{
	const char *ip = container_ip(old);

	return ip && !runtime_resolves(up->job->runtime) ? arena_strdup(actor->arena, ip) : NULL;
}

static const char *start_part_name(struct up *up, const struct actor *actor)
{
	const struct service *service = actor->part->service;

	return service->container_name.s
		       ? service->container_name.s
		       : arena_printf(actor->arena, "%s-%s-1", up->job->manifest->prefix, service->name.s);
}

/* The image's name, where it is still this image's. */
static const char *image_name(struct up *up, const struct actor *actor, const struct runtime_image *image)
{
	const struct service *service = actor->part->service;
	const char *name = !service->has_build ? service->reference.s
			   : service->tags.len > 0
				   ? arena_printf(actor->arena, "%s:%s", service->image.s, service->tags.items[0].s)
			   : service->references.len > 0 ? service->references.items[0].s
							 : NULL;
	struct runtime_presence presence = { .image = *image, .references = &name, .len = 1 };

	if (name)
		runtime_present(runtime_place(up->job->runtime), &presence, 1, NULL);
	return presence.held ? name : NULL;
}

int start_one(struct up *up, struct actor *actor, struct error **err)
{
	size_t number = (size_t)(actor - up->stack.actors);
	struct container **old = &up->old[number];
	const struct service *service = actor->part->service;
	char config[HASH_HEX + 1];
	struct container_spec spec;

	if (stack_spec(&up->stack, actor, &spec, err) < 0)
		return -1;
	spec.container = start_part_name(up, actor);
	if (!service->has_stop_grace)
		spec.grace_s = GRACE_S;
	if (fill_mounts(up, actor, &spec, err) < 0)
		return -1;
	fill_publish(actor, &spec);
	config_hash(&spec, config);
	fill_labels(actor, config, &spec);
	up->kept[number] = *old && fits(*old, config, actor->part->condition);
	if (up->kept[number]) {
		left_resume(up, number);
		stack_join(actor, steal_ptr(*old));
		return 0;
	}
	spec.image_name = image_name(up, actor, &spec.image);
	if (*old) {
		struct container *gone = steal_ptr(*old);

		spec.ip = start_part_address_of(up, actor, gone);
		keep_ports(actor, gone, &spec);
		if (containers_end(&gone, 1, &up->hurry, err) < 0)
			return -1;
	}
	return stack_run(&up->stack, actor, &spec, err);
}

bool join_standing(struct up *up, void (*output_ended)(struct up *up))
{
	for (size_t i = 0; i < up->stack.len; i++) {
		struct actor *actor = &up->stack.actors[i];
		bool running = false;
		int status;

		if (!up->old[i] || container_state(up->old[i], &running, &status, NULL) < 0 || !running)
			continue;
		up->kept[i] = true;
		left_resume(up, i);
		stack_join(actor, steal_ptr(up->old[i]));
		tell_output(up, actor, up->resumed[i], output_ended);
	}
	up_tell(up, &(struct up_event){ .kind = UP_READY, .up = up });
	return true;
}

int create_alone(struct up *up, struct error **err)
{
	const struct up_job *job = up->job;
	const struct service *service = job->alone->service;
	struct actor actor = { .part = job->alone, .name = service->name.s, .arena = arena_new() };
	struct container_spec spec;
	int r = stack_spec(&up->stack, &actor, &spec, err);

	if (r == 0)
		r = fill_mounts(up, &actor, &spec, err);
	if (r == 0) {
		spec.container = arena_printf(actor.arena, "%s-%s-run-%ld", job->manifest->prefix, service->name.s,
					      (long)getpid());
		spec.image_name = image_name(up, &actor, &spec.image);
		spec.name = NULL; /* under that name the service itself is found */
		spec.grace_s = service->has_stop_grace ? spec.grace_s : GRACE_S;
		spec.command = job->words ? job->words : spec.command;
		spec.ports_len = 0;
		spec.tty = job->tty;
		r = container_create(job->runtime, &spec, NULL, job->argv, err);
	}
	arena_free(actor.arena);
	return r;
}
