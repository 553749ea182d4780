#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cmd/doctor_look.h"
#include "engine/builder/builder.h"
#include "engine/builder/emulation.h"
#include "engine/io/proc.h"
#include "engine/oci/convert.h"
#include "engine/runtime/runtime.h"

#define FILES_ENOUGH 1024         /* open files; builders, and many builds at once, need some hundreds */
#define SPACE_ENOUGH (2ull << 30) /* free bytes where the images are stored */

static void advise(struct doctor *doctor, char *what, const char *remedy)
{
	mem_reserve(&doctor->advice, &doctor->advice_cap, doctor->advice_len + 1, sizeof(*doctor->advice));
	doctor->advice[doctor->advice_len++] = (struct doctor_advice){ what, mem_strdup(remedy) };
}

static void doctor_look_take_error(struct doctor_tool *tool, struct error *error)
{
	tool->trouble = mem_strdup(error->message);
	tool->remedy = error->remedy ? mem_strdup(error->remedy) : NULL;
	error_free(error);
}

static int look_at_builder(struct loop *loop, const char *name, struct doctor_tool *tool, struct error **err)
{
	struct builder *builder = NULL;
	const struct builder_info *info;
	struct error *error = NULL;

	tool->name = name;
	if (builder_open(name, &(struct builder_means){ .loop = loop }, &builder, &error) < 0) {
		if (error->cls == ERROR_CANCELLED)
			return error_move(err, &error);
		doctor_look_take_error(tool, error);
		return 0;
	}
	info = builder_info(builder);
	tool->found = true;
	tool->version = mem_strdup(info->version);
	tool->detail = info->detail ? mem_strdup(info->detail) : NULL;
	tool->abilities = info->abilities;
	for (size_t i = 0; i < info->platforms_len && i < DOCTOR_PLATFORMS; i++)
		tool->platforms[tool->platforms_len++] = info->platforms[i];
	tool->native_len = info->native_len;
	builder_free(builder);
	return 0;
}

static int look_at_runtime(struct loop *loop, const char *name, struct doctor_tool *tool, struct error **err)
{
	struct runtime *runtime = NULL;
	struct error *error = NULL;

	tool->name = name;
	if (runtime_open(name, "doctor", loop, NULL, NULL, NULL, &runtime, &error) < 0) {
		if (error->cls == ERROR_CANCELLED)
			return error_move(err, &error);
		doctor_look_take_error(tool, error);
		return 0;
	}
	tool->found = true;
	tool->version = mem_strdup(runtime_version(runtime));
	tool->detail = mem_strdup(runtime_place(runtime));
	runtime_free(runtime);
	return 0;
}

static size_t doctor_look_count(const char *const *names)
{
	size_t len = 0;

	while (names[len])
		len++;
	return len;
}

static int look_at_tools(struct loop *loop, const char *builder, struct doctor *doctor, struct error **err)
{
	const char *const *builders = builder_names(), *const *runtimes = runtime_names();
	size_t known = doctor_look_count(builders), extra = 0;

	doctor->zstd = convert_possible(CONVERT_ZSTD, NULL) == 0;
	doctor->nydus = convert_possible(CONVERT_NYDUS, NULL) == 0;
	doctor->estargz = convert_possible(CONVERT_ESTARGZ, NULL) == 0;
	while (builder && extra < known && strcmp(builders[extra], builder) != 0)
		extra++;
	/* The requested one may be an instance: "docker:fleet". */
	extra = builder && extra == known;
	doctor->builders = mem_array(known + extra, sizeof(*doctor->builders));
	doctor->runtimes = mem_array(doctor_look_count(runtimes), sizeof(*doctor->runtimes));
	for (size_t i = 0; i < known + extra; i++) {
		doctor->builders_len++;
		if (look_at_builder(loop, i < known ? builders[i] : builder, &doctor->builders[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; runtimes[i]; i++) {
		doctor->runtimes_len++;
		if (look_at_runtime(loop, runtimes[i], &doctor->runtimes[i], err) < 0)
			return -1;
	}
	return 0;
}

/* The named one if it works, else the first that does; NULL: none. */
static const struct doctor_tool *mark_chosen(struct doctor_tool *tools, size_t len, const char *name, bool binding)
{
	struct doctor_tool *chosen = NULL;

	for (size_t i = 0; i < len; i++) {
		if (tools[i].found && (!chosen || (name && strcmp(tools[i].name, name) == 0)))
			if (!binding || strcmp(tools[i].name, name) == 0)
				chosen = &tools[i];
	}
	if (!chosen)
		return NULL;
	chosen->chosen = true;
	return chosen;
}

static bool doctor_look_has_platform(const struct platform *list, size_t len, const struct platform *platform)
{
	for (size_t i = 0; i < len; i++)
		if (platform_equal(&list[i], platform))
			return true;
	return false;
}

/* A platform whose steps no builder here can run. */
static int look_for_platform(struct doctor *doctor, const char *name, struct error **err)
{
	struct platform platform;
	char text[PLATFORM_TEXT];

	if (!platform_parse(name, &platform))
		return error_make(err, ERROR_USAGE, "\"%s\" is not a platform", name);
	for (size_t i = 0; i < doctor->builders_len; i++) {
		const struct doctor_tool *tool = &doctor->builders[i];

		if (tool->found && doctor_look_has_platform(tool->platforms, tool->platforms_len, &platform))
			return 0;
	}
	if (doctor_look_has_platform(doctor->platforms, doctor->platforms_len, &platform))
		return 0;
	platform_text(&platform, text);
	advise(doctor, mem_printf("no emulator for %s: its RUN steps and containers cannot run here", text),
	       fs_exists(EMULATION_DIR "/status")
		       ? "apt-get install qemu-user-static binfmt-support, or use a builder of that platform"
		       : "mount -t binfmt_misc binfmt_misc " EMULATION_DIR
			 ", and apt-get install qemu-user-static binfmt-support");
	return 0;
}

/* Advice from the flags that buildah, or podman, turned out to need on this machine. */
static void look_at_steps(struct doctor *doctor, const char *name, const char *flags)
{
	cleanup_free char *runc = proc_find("runc"), *crun = proc_find("crun");

	if (strstr(flags, "chroot"))
		advise(doctor,
		       mem_printf("buildah's steps run in a chroot, not in a container: %s",
				  runc || crun ? "neither runc nor crun works on this machine"
					       : "neither runc nor crun is installed"),
		       runc ? "to see why: runc --debug run; in a container cbuild needs more privileges"
			    : "apt-get install runc");
	else if (strstr(flags, "=crun") && runc)
		advise(doctor, mem_strdup("runc does not work on this machine; crun is used"),
		       "no action is needed; `runc --version` and the kernel's log may tell why");
	if (strstr(flags, "--ulimit"))
		advise(doctor,
		       mem_printf("RUN steps of %s get lower limits (1024 files and processes): this user may not raise them",
				  name),
		       "give cbuild CAP_SYS_RESOURCE, or raise the hard limits (ulimit -Hn, -Hu)");
	if (strstr(flags, "--network=host"))
		advise(doctor,
		       mem_printf("RUN steps of %s use the host's network: no network can be created for them", name),
		       "load the kernel modules bridge and veth, or give cbuild CAP_NET_ADMIN");
}

static void look_at_limits(struct doctor *doctor)
{
	cleanup_buf struct buf size = { 0 };
	struct rlimit files;
	struct statvfs disk;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_ENOUGH)
		advise(doctor, mem_printf("only %llu files can be open at once", (unsigned long long)files.rlim_cur),
		       "ulimit -n 4096");
	if (statvfs(".", &disk) < 0 || (uint64_t)disk.f_bavail * disk.f_frsize >= SPACE_ENOUGH)
		return;
	text_size(&size, (uint64_t)disk.f_bavail * disk.f_frsize);
	advise(doctor, mem_printf("only %s left on this disk", size.data),
	       "cbuild prune, podman image prune, docker system prune");
}

int doctor_look(struct loop *loop, const char *const *wanted, const char *builder, struct doctor *ret, struct error **err)
{
	static const char *const usual[] = { "linux/amd64", "linux/arm64", NULL };
	const char *runtime = getenv("CBUILD_RUNTIME");
	const struct doctor_tool *chosen;
	cleanup_free char *belongs = NULL;
	struct platform machine[EMULATION_MAX];
	size_t len = emulation_platforms(EMULATION_DIR, machine);

	*ret = (struct doctor){ 0 };
	for (size_t i = 0; i < len && i < DOCTOR_PLATFORMS; i++)
		ret->platforms[ret->platforms_len++] = machine[i];
	if (look_at_tools(loop, builder, ret, err) < 0)
		return -1;
	chosen = mark_chosen(ret->builders, ret->builders_len, builder ? builder : builder_hinted(), builder != NULL);
	belongs = chosen ? builder_runtime(chosen->name) : NULL;
	if (runtime && *runtime)
		mark_chosen(ret->runtimes, ret->runtimes_len, runtime, true);
	else
		mark_chosen(ret->runtimes, ret->runtimes_len, belongs, false);
	for (size_t i = 0; (wanted ? wanted : usual)[i]; i++)
		if (look_for_platform(ret, (wanted ? wanted : usual)[i], err) < 0)
			return -1;
	if (chosen && (strcmp(chosen->name, "buildah") == 0 || strcmp(chosen->name, "podman") == 0))
		look_at_steps(ret, chosen->name, chosen->detail);
	look_at_limits(ret);
	return 0;
}

static void free_tools(struct doctor_tool *tools, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		free(tools[i].version);
		free(tools[i].detail);
		free(tools[i].trouble);
		free(tools[i].remedy);
	}
	free(tools);
}

void doctor_free(struct doctor *doctor)
{
	free_tools(doctor->builders, doctor->builders_len);
	free_tools(doctor->runtimes, doctor->runtimes_len);
	for (size_t i = 0; i < doctor->advice_len; i++) {
		free(doctor->advice[i].what);
		free(doctor->advice[i].remedy);
	}
	free(doctor->advice);
	*doctor = (struct doctor){ 0 };
}
