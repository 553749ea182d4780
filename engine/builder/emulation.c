#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/builder/emulation.h"

#define EMULATION_FILE_MAX 4096 /* bytes of an entry of binfmt_misc */

static const struct {
	const char *entry; /* as qemu-user-static registers it */
	const char *platform;
} emulators[] = {
	{ "qemu-x86_64", "linux/amd64" },        { "qemu-aarch64", "linux/arm64" },
	{ "qemu-arm", "linux/arm/v7" },          { "qemu-i386", "linux/386" },
	{ "qemu-ppc64le", "linux/ppc64le" },     { "qemu-s390x", "linux/s390x" },
	{ "qemu-riscv64", "linux/riscv64" },     { "qemu-mips64el", "linux/mips64le" },
	{ "qemu-loongarch64", "linux/loong64" },
};

/* The entry's text: "enabled", "interpreter PATH", "flags: POCF", ... one a line. */
static bool works(const char *dir, const char *entry)
{
	cleanup_free char *path = path_join(dir, entry);
	cleanup_buf struct buf text = { 0 };
	bool found = false;
	const char *flags;

	if (fs_read_if(path, EMULATION_FILE_MAX, &text, &found, NULL) < 0 || !found || !text.data)
		return false;
	if (strncmp(text.data, "enabled\n", 8) != 0)
		return false;
	flags = strstr(text.data, "\nflags: ");
	return flags && memchr(flags + 8, 'F', strcspn(flags + 8, "\n"));
}

size_t emulation_platforms(const char *dir, struct platform ret[EMULATION_MAX])
{
	size_t len = 1;

	platform_host(&ret[0]);
	if (strcmp(ret[0].arch, "amd64") == 0)
		platform_parse("linux/386", &ret[len++]);
	for (size_t i = 0; i < sizeof(emulators) / sizeof(*emulators); i++) {
		struct platform platform;
		bool known = false;

		if (!platform_parse(emulators[i].platform, &platform))
			continue;
		for (size_t at = 0; at < len; at++)
			known = known || platform_equal(&ret[at], &platform);
		if (!known && works(dir, emulators[i].entry))
			ret[len++] = platform;
	}
	return len;
}
