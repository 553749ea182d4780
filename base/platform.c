#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/platform.h"

/* The rules are those of containerd's platforms package: Parse, then Normalize. */

static bool is_one_of(const char *s, const char *const *names)
{
	for (; *names; names++) {
		if (strcmp(s, *names) == 0)
			return true;
	}
	return false;
}

static bool known_os(const char *os)
{
	static const char *const names[] = {
		"aix",  "android", "darwin",  "dragonfly", "freebsd", "hurd", "illumos", "ios",     "js",  "linux",
		"nacl", "netbsd",  "openbsd", "plan9",     "solaris", "wasi", "wasip1",  "windows", "zos", NULL,
	};

	return is_one_of(os, names);
}

static bool known_arch(const char *arch)
{
	static const char *const names[] = {
		"386",     "amd64",  "amd64p32", "arm",       "armbe",       "arm64", "arm64be", "loong64", "mips",
		"mipsle",  "mips64", "mips64le", "mips64p32", "mips64p32le", "ppc",   "ppc64",   "ppc64le", "riscv",
		"riscv64", "s390",   "s390x",    "sparc",     "sparc64",     "wasm",  NULL,
	};

	return is_one_of(arch, names);
}

static void set_arch(struct platform *p, const char *arch, const char *variant)
{
	snprintf(p->arch, sizeof(p->arch), "%s", arch);
	snprintf(p->variant, sizeof(p->variant), "%s", variant);
}

static void normalise_arm(struct platform *p)
{
	if (!p->variant[0] || strcmp(p->variant, "7") == 0)
		set_arch(p, "arm", "v7");
	else if (strcmp(p->variant, "5") == 0)
		set_arch(p, "arm", "v5");
	else if (strcmp(p->variant, "6") == 0)
		set_arch(p, "arm", "v6");
	else if (strcmp(p->variant, "8") == 0)
		set_arch(p, "arm", "v8");
}

static void normalise(struct platform *p)
{
	static const char *const amd64[] = { "x86_64", "x86-64", "amd64", NULL };
	static const char *const arm64[] = { "aarch64", "arm64", NULL };
	static const char *const arm64_default[] = { "8", "v8", "v8.0", NULL };

	if (strcmp(p->os, "macos") == 0)
		snprintf(p->os, sizeof(p->os), "darwin");
	if (strcmp(p->arch, "i386") == 0)
		set_arch(p, "386", "");
	else if (is_one_of(p->arch, amd64))
		snprintf(p->arch, sizeof(p->arch), "amd64");
	else if (is_one_of(p->arch, arm64))
		snprintf(p->arch, sizeof(p->arch), "arm64");
	else if (strcmp(p->arch, "armhf") == 0)
		set_arch(p, "arm", "v7");
	else if (strcmp(p->arch, "armel") == 0)
		set_arch(p, "arm", "v6");
	else if (strcmp(p->arch, "arm") == 0)
		normalise_arm(p);
	if (strcmp(p->arch, "amd64") == 0 && strcmp(p->variant, "v1") == 0)
		p->variant[0] = '\0';
	if (strcmp(p->arch, "arm64") == 0 && is_one_of(p->variant, arm64_default))
		p->variant[0] = '\0';
}

/* Copies one part in lower case; false when it is empty, too long or has invalid characters. */
static bool copy_part(const char *part, size_t len, char *out, size_t size)
{
	if (len == 0 || len >= size)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = part[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c | 0x20);
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_.-", c))
			return false;
		out[i] = c;
	}
	out[len] = '\0';
	return true;
}

/* "linux" is an operating system, "arm64" an architecture. */
static bool parse_one(const char *s, struct platform *ret)
{
	struct platform p = { .os = "linux" };
	char part[sizeof(p.arch)];

	if (!copy_part(s, strlen(s), part, sizeof(part)))
		return false;
	memcpy(p.arch, part, sizeof(part));
	normalise(&p);
	if (known_arch(p.arch)) {
		*ret = p;
		return true;
	}
	platform_host(&p);
	snprintf(p.os, sizeof(p.os), "%s", strcmp(part, "macos") == 0 ? "darwin" : part);
	if (!known_os(p.os))
		return false;
	*ret = p;
	return true;
}

bool platform_parse(const char *s, struct platform *ret)
{
	struct platform p = { 0 };
	const char *arch = strchr(s, '/');
	const char *variant = arch ? strchr(arch + 1, '/') : NULL;
	size_t arch_len;

	if (!arch)
		return parse_one(s, ret);
	if (!copy_part(s, (size_t)(arch - s), p.os, sizeof(p.os)))
		return false;
	arch++;
	arch_len = variant ? (size_t)(variant - arch) : strlen(arch);
	if (!copy_part(arch, arch_len, p.arch, sizeof(p.arch)))
		return false;
	if (variant && !copy_part(variant + 1, strlen(variant + 1), p.variant, sizeof(p.variant)))
		return false;
	normalise(&p);
	*ret = p;
	return true;
}

void platform_text(const struct platform *platform, char out[PLATFORM_TEXT])
{
	char *end = stpcpy(out, platform->os);

	*end++ = '/';
	end = stpcpy(end, platform->arch);
	if (platform->variant[0])
		*end++ = '/';
	stpcpy(end, platform->variant);
}

bool platform_weaker(struct platform *p)
{
	unsigned lowest = strcmp(p->arch, "arm") == 0 ? 5 : strcmp(p->arch, "arm64") == 0 ? 8 : 1;
	bool known = lowest > 1 || strcmp(p->arch, "amd64") == 0;
	unsigned major, minor = 0;
	int parts = sscanf(p->variant, "v%2u.%2u", &major, &minor);

	if (!known || parts < 1 || (major <= lowest && minor == 0))
		return false;
	if (minor > 1)
		snprintf(p->variant, sizeof(p->variant), "v%u.%u", major % 100, (minor - 1) % 100);
	else
		snprintf(p->variant, sizeof(p->variant), "v%u", (minor == 1 ? major : major - 1) % 100);
	normalise(p);
	return true;
}

bool platform_equal(const struct platform *a, const struct platform *b)
{
	return strcmp(a->os, b->os) == 0 && strcmp(a->arch, b->arch) == 0 && strcmp(a->variant, b->variant) == 0;
}

void platform_host(struct platform *ret)
{
	/* Kernel names that differ from Go's and that platform_normalize does not know. */
	static const struct {
		const char *machine;
		const char *arch;
		const char *variant;
	} machines[] = {
		{ "i486", "386", "" },       { "i586", "386", "" },        { "i686", "386", "" },
		{ "armv5tel", "arm", "v5" }, { "armv5tejl", "arm", "v5" }, { "armv6l", "arm", "v6" },
		{ "armv7l", "arm", "v7" },   { "armv8l", "arm", "v7" },    { "loongarch64", "loong64", "" },
	};
	struct utsname name;

	*ret = (struct platform){ .os = "linux" };
	if (uname(&name) < 0) {
		/* uname cannot fail with a valid pointer; an unknown machine is treated as amd64. */
		set_arch(ret, "amd64", "");
		return;
	}
	snprintf(ret->arch, sizeof(ret->arch), "%.15s", name.machine);
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (strcmp(name.machine, machines[i].machine) == 0)
			set_arch(ret, machines[i].arch, machines[i].variant);
	}
	normalise(ret);
}
