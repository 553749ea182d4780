#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/registry/hosts_toml.h"
#include "engine/registry/place.h"
#include "engine/registry/registries_conf.h"

/* registries.conf and hosts.toml, in a home of the tests' own. */

static char home[] = "/tmp/cbuild-test-XXXXXX";

static void put(const char *name, const char *text)
{
	cleanup_free char *path = path_join(home, name);
	cleanup_free char *dir = mem_strndup(path, (size_t)(strrchr(path, '/') - path));

	assert_int_equal(fs_mkdirs(dir, 0755, NULL), 0);
	assert_int_equal(fs_replace(path, text, strlen(text), 0644, NULL), 0);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(home))
		return -1;
	unsetenv("CONTAINERS_REGISTRIES_CONF");
	return setenv("HOME", home, 1);
}

static int tear_down(void **state)
{
	(void)state;
	return fs_remove_tree(home, NULL);
}

static int empty(void **state)
{
	cleanup_free char *dir = path_join(home, ".config");

	(void)state;
	unsetenv("CONTAINERS_REGISTRIES_CONF");
	return fs_remove_tree(dir, NULL);
}

#define CONF ".config/containers/registries.conf"

static void add_shown(struct buf *out, const struct places *places)
{
	buf_str(out, "");
	for (size_t i = 0; i < places->len; i++)
		buf_printf(out, "%s%s/%s%s", i ? " " : "", places->items[i].where.domain,
			   places->items[i].where.repository, places->items[i].withheld ? "!" : "");
}

/* Where registries.conf has an image: "MIRROR... -> LOCATION". */
static void assert_conf(const struct registries_conf *conf, const char *name, bool by_digest, const char *wanted)
{
	cleanup_places struct places places = { 0 };
	cleanup_buf struct buf shown = { 0 };
	cleanup_free char *location = NULL;
	struct ref ref = { 0 };

	assert_true(ref_parse(name, &ref, NULL));
	assert_int_equal(registries_conf_places(conf, &ref, by_digest, &places, &location, NULL), 0);
	add_shown(&shown, &places);
	buf_printf(&shown, " -> %s", location ? location : "");
	assert_string_equal(shown.data, wanted);
	ref_free(&ref);
}

static struct registries_conf *conf_of(const char *text)
{
	struct registries_conf *conf = NULL;
	struct error *err = NULL;

	put(CONF, text);
	if (registries_conf_read(&conf, &err) < 0)
		fail_msg("%s", err->message);
	return conf;
}

static void test_prefixes(void **state)
{
	struct registries_conf *conf =
		conf_of("[[registry]]\nlocation = \"a.lan\"\n[[registry.mirror]]\nlocation = \"m.lan:5000/all/\"\n"
			"[[registry]]\nprefix = \"a.lan/team\"\nlocation = \"b.lan/x\"\n"
			"[[registry]]\nprefix = \"*.wild.lan\"\nlocation = \"w.lan\"\n"
			"[[registry]]\nprefix = \"*.deep.wild.lan\"\n[[registry.mirror]]\nlocation = \"n.lan\"\n"
			"[[registry]]\nprefix = \"docker.io/library\"\nlocation = \"quay.io/mirror\"\n"
			"[[registry]]\nlocation = \"a.lan:5000\"\n");

	(void)state;
	assert_conf(conf, "a.lan/x", false, "m.lan:5000/all/x -> a.lan/x");
	/* The longest one counts, whole parts of names only. */
	assert_conf(conf, "a.lan/team/x", false, " -> b.lan/x/x");
	assert_conf(conf, "a.lan/team", false, " -> b.lan/x");
	assert_conf(conf, "a.lan/teams/x", false, "m.lan:5000/all/teams/x -> a.lan/teams/x");
	assert_conf(conf, "a.lan:5000/x", false, " -> a.lan:5000/x");
	assert_conf(conf, "aa.lan/x", false, " -> ");
	assert_conf(conf, "one.wild.lan/x", false, " -> w.lan/x");
	assert_conf(conf, "wild.lan/x", false, " -> ");
	assert_conf(conf, "one.wild.lan.org/x", false, " -> ");
	assert_conf(conf, "one.two.deep.wild.lan/x", false, "n.lan/x -> ");
	assert_conf(conf, "debian:12", false, " -> quay.io/mirror/debian");
	assert_conf(conf, "acme/web", false, " -> ");
	registries_conf_free(conf);
}

static void test_which_mirrors(void **state)
{
	struct registries_conf *conf = conf_of(
		"[[registry]]\nlocation = \"a.lan\"\n[[registry.mirror]]\nlocation = \"all.lan\"\n"
		"[[registry.mirror]]\nlocation = \"digest.lan\"\npull-from-mirror = \"digest-only\"\n"
		"[[registry.mirror]]\nlocation = \"tag.lan\"\npull-from-mirror = \"tag-only\"\n"
		"[[registry]]\nlocation = \"b.lan\"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = \"m.lan\"\n");

	(void)state;
	assert_conf(conf, "a.lan/x", false, "all.lan/x tag.lan/x -> a.lan/x");
	assert_conf(conf, "a.lan/x", true, "all.lan/x digest.lan/x -> a.lan/x");
	assert_conf(conf, "b.lan/x", false, " -> b.lan/x");
	assert_conf(conf, "b.lan/x", true, "m.lan/x -> b.lan/x");
	registries_conf_free(conf);
}

/* A table of a later file replaces the one with the same prefix. */
static void test_drop_ins(void **state)
{
	struct registries_conf *conf;
	struct host_settings settings = { 0 }, own = { 0 };
	const struct ref blocked = { .domain = (char *)"c.lan", .repository = (char *)"x" };

	(void)state;
	put(CONF ".d/10-first.conf",
	    "[[registry]]\nlocation = \"a.lan\"\ninsecure = true\n[[registry]]\nlocation = \"b.lan\"\ninsecure = true\n");
	put(CONF ".d/20-second.conf",
	    "[[registry]]\nlocation = \"a.lan\"\n[[registry.mirror]]\nlocation = \"m.lan/x\"\ninsecure = true\n");
	put(CONF ".d/30-third.conf.bak", "[[registry]\n");
	conf = conf_of("[[registry]]\nlocation = \"c.lan\"\nblocked = true\n");
	assert_conf(conf, "a.lan/y", false, "m.lan/x/y -> a.lan/y");
	registries_conf_settings(conf, "a.lan", &settings);
	assert_false(settings.unverified || settings.fallback);
	registries_conf_settings(conf, "b.lan", &settings);
	assert_true(settings.unverified && settings.fallback && !settings.plain);
	registries_conf_settings(conf, "m.lan", &own);
	assert_true(own.unverified);
	assert_non_null(strstr(registries_conf_blocks(conf, &blocked), "/" CONF));
	registries_conf_free(conf);
	/* The environment's file replaces one's own, not the folder. */
	put("other.conf", "");
	{
		cleanup_free char *path = path_join(home, "other.conf");

		setenv("CONTAINERS_REGISTRIES_CONF", path, 1);
	}
	assert_int_equal(registries_conf_read(&conf, NULL), 0);
	assert_null(registries_conf_blocks(conf, &blocked));
	assert_conf(conf, "a.lan/y", false, "m.lan/x/y -> a.lan/y");
	registries_conf_free(conf);
}

static void assert_names(const struct registries_conf *conf, const char *name, const char *wanted)
{
	char **names = registries_conf_names(conf, name);
	cleanup_buf struct buf shown = { 0 };

	buf_str(&shown, "");
	for (char **one = names; one && *one; one++) {
		buf_printf(&shown, "%s%s", one == names ? "" : " ", *one);
		free(*one);
	}
	assert_string_equal(shown.data, wanted);
	free(names);
}

static void test_names(void **state)
{
	struct registries_conf *conf;

	(void)state;
	put(CONF ".d/names.conf", "[aliases]\n\"fedora\" = \"registry.lan/fedora\"\nother = \"\"\n");
	conf = conf_of(
		"unqualified-search-registries = [\"a.lan\", \"docker.io\"]\n[aliases]\nfedora = \"x.lan/y\"\nother = "
		"\"z.lan/other\"\n");
	assert_names(conf, "fedora", "registry.lan/fedora");
	assert_names(conf, "debian", "a.lan/debian docker.io/debian");
	assert_names(conf, "other", "a.lan/other docker.io/other");
	registries_conf_free(conf);
	put(CONF ".d/names.conf", "");
	conf = conf_of("");
	assert_names(conf, "debian", "");
	registries_conf_free(conf);
}

static void test_wrong_confs(void **state)
{
	static const char *const cases[][2] = {
		{ "[[registry]\n", "registries.conf:1:11: \"]\" is expected" },
		{ "[[registry]]\ninsecure = true\n", "a registry without a location" },
		{ "[[registry]]\nlocation = 'https://a.lan'\n", "a location has no scheme: \"https://a.lan\"" },
		{ "[[registry]]\nlocation = 'a.lan'\n[[registry.mirror]]\n", "a registry without a location" },
		{ "[[registry]]\nlocation = 'a.lan'\n[[registry.mirror]]\nlocation = 'm'\npull-from-mirror = 'never'\n",
		  "pull-from-mirror is all, digest-only or tag-only: \"never\"" },
		{ "[registries.search]\nregistries = ['a.lan']\n", "version 1 of the format is not read" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_error struct error *err = NULL;
		struct registries_conf *conf = NULL;

		put(CONF, cases[i][0]);
		assert_true(registries_conf_read(&conf, &err) < 0);
		assert_int_equal(err->cls, ERROR_REGISTRY);
		if (!strstr(err->message, cases[i][1]))
			fail_msg("'%s' is not in '%s'", cases[i][1], err->message);
	}
}

/* ---- hosts.toml ---- */

#define CERTS ".config/containerd/certs.d/"

static struct hosts_toml *hosts_of(void)
{
	struct hosts_toml *hosts = NULL;
	struct error *err = NULL;

	if (hosts_toml_read(&hosts, &err) < 0)
		fail_msg("%s", err->message);
	return hosts;
}

static void assert_hosts(const struct hosts_toml *hosts, const char *registry, bool by_digest, const char *wanted)
{
	cleanup_places struct places places = { 0 };
	cleanup_buf struct buf shown = { 0 };
	cleanup_free char *server = NULL;

	assert_int_equal(hosts_toml_places(hosts, registry, "x/y", by_digest, &places, &server, NULL), 0);
	add_shown(&shown, &places);
	buf_printf(&shown, " -> %s", server ? server : "");
	assert_string_equal(shown.data, wanted);
}

static void test_hosts(void **state)
{
	struct hosts_toml *hosts;

	(void)state;
	put(CERTS "a.lan/hosts.toml",
	    "server = 'https://a2.lan'\n[host.'https://z.lan']\n[host.'http://m.lan:5000/v2']\n"
	    "[host.'https://digest.lan']\ncapabilities = ['pull']\n[host.'https://push.lan']\ncapabilities = ['push']\n"
	    "[host.'https://h.lan/v2/hub/']\noverride_path = true\n"
	    "[host.'https://else.lan/v2/hub']\n[host.'https://else.lan/api']\noverride_path = true\n"
	    "[host.'https://mine.lan']\n[host.'https://mine.lan'.header]\nx-token = 'secret'\n");
	put(CERTS "b.lan_5000_/hosts.toml", "[host.'https://m.lan']\n");
	put(CERTS "_default/hosts.toml", "[host.'https://d.lan']\n");
	put(CERTS "none/ca.crt", "");
	hosts = hosts_of();
	assert_hosts(hosts, "a.lan", false, "z.lan/x/y m.lan:5000/x/y h.lan/hub/x/y mine.lan/x/y! -> a2.lan");
	assert_hosts(hosts, "a.lan", true,
		     "z.lan/x/y m.lan:5000/x/y digest.lan/x/y h.lan/hub/x/y mine.lan/x/y! -> a2.lan");
	assert_hosts(hosts, "b.lan:5000", false, "m.lan/x/y -> ");
	assert_hosts(hosts, "c.lan", false, "d.lan/x/y -> ");
	hosts_toml_free(hosts);
}

static void test_host_settings(void **state)
{
	cleanup_host_settings struct host_settings m = { 0 }, a = { 0 }, n = { 0 }, b = { 0 };
	struct hosts_toml *hosts;

	(void)state;
	put(CERTS "a.lan/hosts.toml",
	    "server = 'https://a.lan'\nca = '/a.pem'\n[host.'http://m.lan:5000']\nskip_verify = true\n"
	    "ca = ['m.pem', '/n.pem']\nclient = [['c.cert', 'c.key'], ['d.cert', 'd.key']]\n"
	    "[host.'http://m.lan:5000'.header]\nx-one = 'a'\nx-two = ['b', \"c\\nd\", 'e']\n"
	    "[host.'https://n.lan']\nclient = 'both.pem'\n");
	put(CERTS "b.lan/hosts.toml", "skip_verify = true\n");
	hosts = hosts_of();
	hosts_toml_settings(hosts, "m.lan:5000", &m);
	assert_true(m.plain && m.unverified && !m.fallback);
	assert_int_equal(m.ca_len, 2);
	assert_non_null(strstr(m.ca[0], "/certs.d/a.lan/m.pem"));
	assert_string_equal(m.ca[1], "/n.pem");
	assert_non_null(strstr(m.cert, "/certs.d/a.lan/c.cert"));
	assert_non_null(strstr(m.key, "/certs.d/a.lan/c.key"));
	assert_int_equal(m.headers_len, 3);
	assert_string_equal(m.headers[0], "x-one: a");
	assert_string_equal(m.headers[1], "x-two: b");
	assert_string_equal(m.headers[2], "x-two: e");
	hosts_toml_settings(hosts, "a.lan", &a);
	assert_true(!a.plain && !a.unverified && a.ca_len == 1 && !a.cert);
	hosts_toml_settings(hosts, "n.lan", &n);
	assert_string_equal(n.cert, n.key);
	hosts_toml_settings(hosts, "b.lan", &b);
	assert_true(b.unverified);
	hosts_toml_free(hosts);
}

static void test_wrong_hosts(void **state)
{
	static const char *const cases[][2] = {
		{ "server = \n", "hosts.toml:1:10: a value is expected" },
		{ "server = 'ftp://a.lan'\n", "a.lan/hosts.toml: a host is an http or https URL: \"ftp://a.lan\"" },
		{ "[host.'file:///x']\n", "a host is an http or https URL: \"file:///x\"" },
		{ "[host.'https://m.lan']\ncapabilities = ['fetch']\n",
		  "a capability is pull, resolve or push: \"fetch\"" },
		{ "capabilities = [1]\n", "a capability is pull, resolve or push" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_error struct error *err = NULL;
		struct hosts_toml *hosts = NULL;

		put(CERTS "a.lan/hosts.toml", cases[i][0]);
		assert_true(hosts_toml_read(&hosts, &err) < 0);
		assert_int_equal(err->cls, ERROR_REGISTRY);
		if (!strstr(err->message, cases[i][1]))
			fail_msg("'%s' is not in '%s'", cases[i][1], err->message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_prefixes, empty),      cmocka_unit_test_setup(test_which_mirrors, empty),
		cmocka_unit_test_setup(test_drop_ins, empty),      cmocka_unit_test_setup(test_names, empty),
		cmocka_unit_test_setup(test_wrong_confs, empty),   cmocka_unit_test_setup(test_hosts, empty),
		cmocka_unit_test_setup(test_host_settings, empty), cmocka_unit_test_setup(test_wrong_hosts, empty),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
