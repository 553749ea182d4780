#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/source/dockerfile.h"
#include "engine/source/dockerfile_copies.h"

static const struct dockerfile_arg given[] = { { "GIVEN", "given" }, { "DIR", "dir" }, { "NONE", NULL } };
static const char *const contexts[] = { "common", "alpine:3.18", "tools::linux/arm64", "both", "both::linux/arm64" };
#define ALL \
	"common alpine:3.18 tools::linux/arm64 both both::linux/arm64 args" /* what may be used when the text does not tell */

static void add_images(struct buf *out, const char *text, const struct dockerfile_use *use)
{
	static const char *const uses[] = { "", "copy:", "mount:" };

	for (size_t i = 0; i < use->images_len; i++) {
		const struct dockerfile_image *image = &use->images[i];
		char platform[PLATFORM_TEXT];

		platform_text(&image->platform, platform);
		buf_printf(out, "%s%s%s", out->len ? " " : "", image->context ? "@" : "", uses[image->use]);
		buf_str(out, image->name);
		if (strcmp(platform, "linux/arm64") != 0)
			buf_printf(out, "(%s)", platform);
		/* the place is the name as written, when no variable is in it */
		if (!memchr(text + image->offset, '$', image->length) &&
		    !memchr(text + image->offset, '\\', image->length) && !image->context &&
		    text[image->offset] != '"' && strncmp(text + image->offset, image->name, image->length) != 0)
			fail_msg("%s: the place is %.*s", text, (int)image->length, text + image->offset);
	}
}

/* One line that says what was found: images, "|", sources, "|", what is whole. */
static char *describe(const char *text, const struct dockerfile_use *use)
{
	struct buf out = { 0 };

	buf_str(&out, "");
	add_images(&out, text, use);
	buf_str(&out, "|");
	for (size_t i = 0; i < use->sources_len; i++)
		buf_printf(&out, "%s%s%s%s%s%s", i ? " " : "", use->sources[i].context ? use->sources[i].context : "",
			   use->sources[i].context ? ":" : "", use->sources[i].pattern,
			   use->sources[i].parents ? "^" : "", use->sources[i].exclude ? "-" : "");
	buf_str(&out, use->whole ? "|whole" : "|");
	for (size_t i = 0; i < use->whole_contexts_len; i++)
		buf_printf(&out, " %s", use->whole_contexts[i]);
	if (use->all_args)
		buf_str(&out, " args");
	if (use->covers)
		buf_str(&out, " covers");
	for (const char *c = use->triggers && strchr(use->triggers, '\n') ? use->triggers : ""; *c; c++)
		buf_printf(&out, "%s%c", c == use->triggers ? " onbuild:" : "", *c == '\n' ? ';' : *c);
	if (use->base_mounts)
		buf_str(&out, " mounts");
	if (use->heredoc_line)
		buf_printf(&out, " heredoc:%u", use->heredoc_line);
	if (use->git_line)
		buf_printf(&out, " git:%u", use->git_line);
	return buf_steal(&out);
}

static const char *triggers_of(void *data, const struct dockerfile_image *base)
{
	(void)data;
	if (strcmp(base->name, "odd") == 0)
		return DOCKERFILE_UNTOLD "\n";
	return strcmp(base->name, "on:1") == 0 ? "ARG GIVEN\nENV D=dir\nCOPY $GIVEN/x /p\nCOPY --from=tool t /\n"
						 "RUN --mount=from=busy:1,target=/b x\n"
					       : NULL;
}

/* An image with V=base, up=../other, its own PATH, and a value that nobody tells. */
static bool variable_of(void *data, const struct dockerfile_image *base, const char *name, const char **ret)
{
	(void)data;
	*ret = strcmp(name, "V") == 0 ? "base" : strcmp(name, "UP") == 0 ? "x/../../other" : NULL;
	return (strcmp(base->name, "env:1") == 0 || strcmp(base->name, "on:1") == 0) && strcmp(name, "TOKEN") != 0;
}

static int resolve(const char *text, const char *target, struct arena *arena, struct dockerfile_use *use,
		   struct error **err)
{
	struct dockerfile_options options = { .args = given,
					      .args_len = 3,
					      .target = target,
					      .contexts = contexts,
					      .contexts_len = sizeof(contexts) / sizeof(*contexts),
					      .triggers = triggers_of,
					      .variable = variable_of };
	struct dockerfile *dockerfile = NULL;
	int status;

	platform_parse("linux/arm64", &options.platform);
	platform_parse("linux/amd64", &options.build_platform);
	if (dockerfile_parse(text, strlen(text), "Dockerfile", &dockerfile, err) < 0)
		return -1;
	status = dockerfile_resolve(dockerfile, &options, arena, use, err);
	dockerfile_free(dockerfile);
	return status;
}

static const struct {
	const char *text, *target, *expected;
} rows[] = {
	{ "FROM debian", NULL, "debian||" },
	{ "from debian as Base\ncopy a b", NULL, "debian|a|" },
	{ "FROM scratch\nCOPY a b c /d/", NULL, "|a b c|" },
	{ "FROM scratch\nCOPY . /", NULL, "||whole" },
	{ "FROM scratch\nCOPY / /", NULL, "||whole" },
	{ "FROM scratch\nCOPY ./a/ /b", NULL, "|a|" },
	{ "FROM scratch\nCOPY /a//b/../c /b", NULL, "|a/c|" },
	{ "FROM scratch\nCOPY ../../a /b", NULL, "|a|" },
	{ "FROM scratch\nCOPY a/.. /b", NULL, "||whole" },
	{ "FROM scratch\nCOPY [\"a b\", \"c\", \"/d\"]", NULL, "|a b c|" },
	{ "FROM scratch\nCOPY [\"a b\" \"/d\"]", NULL, "||whole covers" },
	{ "FROM scratch\nCOPY *.go dir/?x [a-c]d /", NULL, "|*.go dir/?x [a-c]d|" },
	{ "FROM scratch\nCOPY a[^b]c /", NULL, "||whole" },
	{ "FROM scratch\nCOPY [^.]* /", NULL, "|[^.]*|" },
	{ "FROM scratch\nCOPY a[ /", NULL, "||whole" },
	{ "FROM scratch\nCOPY --chown=1:1 --chmod=644 --link a /", NULL, "|a|" },
	{ "FROM scratch\nCOPY --exclude=*.md --exclude=x a /", NULL, "|a-|" },
	{ "FROM scratch\nCOPY --parents ./x/./a/*.go b/**/c /", NULL, "|x/a/*.go^ b^|" },
	{ "FROM scratch\nCOPY --parents **/x /", NULL, "||whole" },
	{ "FROM scratch\nCOPY --parents=false a /", NULL, "|a|" },
	{ "FROM scratch\nADD a https://x/y.tgz git@github.com:a/b.git git://x/y /", NULL, "|a| git:2" },
	{ "FROM scratch\nADD --checksum=sha256:00 http://x/y /", NULL, "||" },
	{ "FROM scratch\nADD https://github.com/a/b.git#main /", NULL, "|| git:2" },
	{ "FROM a AS x\nRUN <<E\nCOPY f /\nE\nFROM scratch\nADD http://x/y.git.tar g /\n", NULL, "|g|" },
	{ "FROM scratch\nONBUILD RUN <<E\nx\nE\nRUN echo <<E\nE\n", NULL, "|| onbuild:?; heredoc:2" },
	{ "FROM scratch\nCOPY --from=busybox:1 a b", NULL, "copy:busybox:1||" },
	{ "FROM scratch\nCOPY --from=scratch a b", NULL, "||" },
	{ "FROM a AS x\nCOPY f /\nFROM b\nCOPY --from=X g /\nCOPY h /", NULL, "a b|h f|" },
	{ "FROM a AS x\nCOPY f /\nFROM b\nCOPY --from=0 g /", NULL, "a b|f|" },
	{ "FROM a AS x\nCOPY f /\nFROM b\nCOPY g /", NULL, "b|g|" },
	{ "FROM a AS x\nCOPY f /\nFROM b\nCOPY g /", "x", "a|f|" },
	{ "FROM a AS x\nCOPY f /\nFROM b\nCOPY g /", "X", "a|f|" },
	{ "FROM a\nCOPY f /\nFROM b\nCOPY g /", "0", "a|f|" },
	{ "FROM a AS x\nCOPY f /\nFROM X AS y\nCOPY g /\nFROM y", NULL, "a|f g|" },
	{ "FROM a AS x\nFROM b AS y\nFROM c\nRUN --mount=type=bind,from=x,target=/x true", NULL, "a c||" },
	{ "FROM a\nRUN --mount=target=/src true", NULL, "a||whole" },
	{ "FROM a\nRUN --mount=type=bind,source=d/e,target=/src true", NULL, "a|d/e|" },
	{ "FROM a\nRUN --mount=type=bind,src=/d*,dst=/s --mount=type=cache,target=/c --mount=type=secret,id=x true",
	  NULL, "a|d\\*|" },
	{ "FROM a\nRUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --mount=type=ssh true", NULL, "a||" },
	{ "FROM a\nRUN --mount=type=bind,from=busybox,source=/bin,target=/b true", NULL, "a mount:busybox||" },
	{ "FROM a\nRUN --mount=\"type=bind,source=d\" true", NULL, "a|d|" },
	{ "FROM a\nRUN --network=none echo --mount=target=/x", NULL, "a||" },
	{ "FROM scratch\nCOPY \\\n  a \\\n# comment\n\n  b /", NULL, "|a b|" },
	{ "FROM scratch\nCOPY a\\\nb /", NULL, "|ab|" },
	{ "FROM scratch\nCOPY a \\  \n b /", NULL, "|a b|" },
	{ "# escape=`\nFROM scratch\nCOPY a `\n b\\c /", NULL, "|a b\\c|" },
	{ "FROM scratch\r\nCOPY a \\\r\n b /\r\n", NULL, "|a b|" },
	{ "\xef\xbb\xbf"
	  "FROM scratch\nCOPY a /",
	  NULL, "|a|" },
	{ "FROM scratch\nCOPY <<EOF /x\nCOPY no /\nEOF\nCOPY a /", NULL, "|a| heredoc:2" },
	{ "FROM scratch\nCOPY <<-\"EOF\" <<B x /\n\tCOPY no /\n\tEOF\nCOPY no2 /\nB\nCOPY a /", NULL, "|x a| heredoc:2" },
	{ "FROM a\nRUN <<EOF\nFROM no\nEOF\nCOPY a /", NULL, "a|a| heredoc:2" },
	{ "FROM a\nRUN cat <<A 3<<B\nA\nFROM no\nB\nCOPY a /", NULL, "a|a| heredoc:2" },
	{ "FROM a\nRUN cat <<< x\nCOPY a /", NULL, "a|a|" },
	{ "FROM a\nRUN echo \"<<EOF\" $((1<<2))\nCOPY a /", NULL, "a|a|" },
	{ "FROM a\nCMD cat <<EOF\nCOPY a /", NULL, "a|a|" },
	{ "ARG V=3\nFROM debian:$V", NULL, "debian:3||" },
	{ "ARG V=3\nARG I=debian:${V}-x\nFROM ${I}", NULL, "debian:3-x||" },
	{ "ARG GIVEN=x\nFROM $GIVEN", NULL, "given||" },
	{ "ARG NONE=x\nFROM $NONE", NULL, "x||" },
	{ "FROM debian:${V:-12}", NULL, "debian:12||" },
	{ "ARG V=1.2.3\nFROM a:${V#1.} AS x\nFROM a:${V%.*}\nCOPY --from=x . /", NULL, "a:2.3 a:1.2||" },
	{ "ARG V=1.2.3\nFROM a:${V##*.} AS x\nFROM a:${V%%.*}\nCOPY --from=x . /", NULL, "a:3 a:1||" },
	{ "FROM --platform=$BUILDPLATFORM go AS b\nFROM debian\nCOPY --from=b /x /", NULL, "go(linux/amd64) debian||" },
	{ "FROM --platform=linux/s390x debian", NULL, "debian(linux/s390x)||" },
	{ "FROM img-$TARGETARCH$TARGETVARIANT-$BUILDARCH", NULL, "img-arm64-amd64||" },
	{ "FROM --platform=$BUILDPLATFORM go\nCOPY --from=busybox a b", NULL, "go(linux/amd64) copy:busybox||" },
	{ "ARG D=x\nFROM scratch\nCOPY a$D /", NULL, "|a|" },
	{ "ARG D=x\nFROM scratch\nARG D\nCOPY a$D /", NULL, "|ax|" },
	{ "FROM scratch\nARG D=y\nCOPY a$D b${D}c /", NULL, "|ay byc|" },
	{ "FROM scratch\nARG DIR=y\nCOPY $DIR/x /", NULL, "|dir/x|" },
	{ "FROM scratch\nCOPY $DIR/x /", NULL, "|x|" },
	{ "FROM debian\nCOPY $DIR/x /", NULL, "debian||whole" },
	/* with buildah, an ENV of the base wins */
	{ "FROM debian\nARG DIR\nCOPY $DIR/x /", NULL, "debian||whole" },
	{ "FROM env:1\nARG DIR\nCOPY $DIR/x /", NULL, "env:1|dir/x|" },
	{ "FROM env:1\nCOPY services/$V a$NO services/$UP /", NULL, "env:1|services/base a other|" },
	{ "FROM env:1\nCOPY $TOKEN/x /", NULL, "env:1||whole" },
	{ "FROM env:1\nCOPY $PATH/x /", NULL, "env:1||whole" },
	{ "FROM env:1\nARG V=arg\nCOPY $V/x /", NULL, "env:1||whole" },
	{ "FROM env:1\nARG V=base\nCOPY $V/x /", NULL, "env:1|base/x|" },
	{ "FROM env:1\nARG V\nCOPY $V/x /", NULL, "env:1|base/x|" },
	{ "FROM env:1\nENV V=env\nCOPY $V/x /", NULL, "env:1|env/x|" },
	{ "FROM env:1\nARG W=$V-\nENV X=${W}x\nCOPY $X /", NULL, "env:1|base-x|" },
	{ "FROM env:1 AS a\nENV W=w$V\nFROM a\nCOPY $V$W /", NULL, "env:1|basewbase|" },
	{ "FROM env:1\nENV $TOKEN=x\nCOPY $V /", NULL, "env:1||whole" },
	{ "FROM debian\nENV V=a\nCOPY $V /", NULL, "debian|a|" },
	{ "FROM debian\nENV V=a $NO=b\nCOPY $V /", NULL, "debian||whole" },
	/* the last one wins with BuildKit, ENV with buildah */
	{ "FROM scratch\nENV V=env\nARG V=arg\nCOPY $V /", NULL, "||whole" },
	{ "FROM scratch\nARG V=arg\nENV V=env\nCOPY $V /", NULL, "|env|" },
	{ "FROM scratch\nENV V=env\nARG V\nCOPY $V /", NULL, "|env|" },
	{ "FROM scratch\nARG V=1\nARG V=2\nCOPY $V /", NULL, "|2|" },
	{ "FROM debian\nARG E\nCOPY a${E} /", NULL, "debian||whole" },
	{ "FROM debian\nENV A=1 B=$A-x\nCOPY $A$B /", NULL, "debian||whole" },
	{ "FROM scratch\nENV A=1\nENV A=2 B=$A\nCOPY $A$B /", NULL, "|21|" },
	{ "FROM scratch\nENV A one two\nCOPY x$A /", NULL, "|xone two|" },
	{ "FROM scratch\nENV A=\"one two\" B='$A'\nCOPY $A $B /", NULL, "|one two $A|" },
	{ "FROM scratch\nARG TARGETARCH\nCOPY bin-$TARGETARCH /", NULL, "|bin-arm64|" },
	{ "FROM scratch\nCOPY bin-$TARGETARCH /", NULL, "|bin-|" },
	{ "FROM scratch AS b\nENV D=e\nFROM b\nARG X=f\nCOPY $D$X /", NULL, "|ef|" },
	/* only BuildKit knows the ARG of a stage below */
	{ "FROM scratch AS b\nARG X=f\nFROM b\nCOPY $X /", NULL, "||whole" },
	{ "FROM scratch AS b\nARG X=f\nFROM b\nARG X\nCOPY $X /", NULL, "||whole" },
	{ "FROM scratch AS b\nARG X=f\nFROM b\nARG X=g\nCOPY $X /", NULL, "|g|" },
	{ "FROM scratch AS b\nENV D=e\nFROM scratch\nCOPY a$D /", NULL, "|a|" },
	{ "FROM scratch\nARG X=abcb Y=a/b.c*d\nCOPY ${X/b/x} ${X//b/x} ${X/?c/} ${X/b*b/-} ${X/z/y} ${X//c/\\}} /",
	  NULL, "|axcb axcx ab a- abcb ab\\}b|" },
	{ "FROM scratch\nARG X=a/b.c*d\nCOPY ${X/\\//-} ${X//./} ${X/\\*/x} ${X##*\\/} /", NULL,
	  "|a-b.c*d a/bc*d a/b.cxd b.c*d|" },
	{ "FROM scratch\nARG X=abc\nCOPY ${X//*/c} /", NULL, "||whole" },
	{ "FROM scratch\nARG X=abc\nCOPY ${X/\\a/c} /", NULL, "||whole" },
	{ "FROM scratch\nARG X=abc\nCOPY ${X//b/\\$} /", NULL, "||whole" },
	{ "ARG X=debixn\nFROM ${X/x/a}", NULL, "debian||" },
	{ "ARG X=d-b\nFROM a${X//[bd]/x}${X//-/}", NULL, "ad-bdb||" },
	{ "FROM scratch\nARG X\nCOPY a${X:+b} b${X-c} c${X+d} /", NULL, "|a bc c|" },
	{ "FROM scratch\nCOPY \\$x /", NULL, "|$x|" },
	{ "FROM scratch\nCOPY ${X^^} /", NULL, "||whole" },
	{ "FROM scratch\nCOPY ${X /", NULL, "||whole" },
	{ "FROM scratch\nCOPY --from=$X a /", NULL, "||whole " ALL },
	{ "FROM scratch\nARG X=img\nCOPY --from=$X a /", NULL, "copy:img||" },
	{ "FROM common", NULL, "@common|| common" },
	{ "FROM alpine:3.18\nCOPY --from=docker.io/library/alpine:3.18 x /", NULL,
	  "@alpine:3.18 @copy:alpine:3.18|alpine:3.18:x| alpine:3.18" },
	{ "FROM scratch\nCOPY --from=common a b/ /\nRUN --mount=from=common,source=c true", NULL,
	  "@copy:common @mount:common|common:a common:b common:c|" },
	{ "FROM scratch\nCOPY --from=common . /", NULL, "@copy:common|| common" },
	{ "FROM debian AS common\nCOPY a /\nFROM scratch\nCOPY --from=common b /", NULL, "@copy:common|common:b|" },
	{ "FROM debian AS common\nCOPY a /\nFROM common", NULL, "@common|| common" },
	{ "FROM debian AS common\nCOPY a /", NULL, "@common|| common" },
	{ "FROM tools", NULL, "@tools::linux/arm64|| tools::linux/arm64" },
	{ "FROM --platform=linux/amd64 tools", NULL, "tools(linux/amd64)||" },
	{ "FROM both", NULL, "@both::linux/arm64|| both::linux/arm64" },
	{ "FROM --platform=linux/amd64 both\nCOPY --from=both a /\nRUN --mount=from=both,source=b true", NULL,
	  "@both(linux/amd64) @copy:both::linux/arm64 @mount:both::linux/arm64|both::linux/arm64:a "
	  "both::linux/arm64:b| both" },
	{ "FROM --platform=linux/amd64 x AS both", NULL, "@both(linux/amd64)|| both" },
	{ "FROM x AS tools\nFROM --platform=linux/amd64 scratch\nCOPY --from=0 a /", NULL,
	  "@copy:tools::linux/arm64|tools::linux/arm64:a|" },
	{ "FROM scratch\nCOPY --exclude=*.c --exclude=b/d a /\nCOPY a /", NULL, "|a- a|" },
	{ "FROM scratch\nCOPY --exclude=*.c --exclude=!b.c a /\nCOPY --exclude=$X b /", NULL, "|a b|" },
	{ "FROM scratch\nCOPY --exclude=/a a /\nADD --exclude=a/../b --parents b /", NULL, "|a b^|" },
	{ "FROM scratch\nADD --exclude=a/../b b /\nADD --exclude=[a] c /\nADD --exclude=x --parents d /", NULL,
	  "|b c d^|" },
	{ "FROM scratch\nCOPY a a/l /", NULL, "|a a/l| covers" },
	{ "FROM scratch\nADD ./a/l a /", NULL, "|a/l a| covers" },
	{ "FROM scratch\nCOPY a /\nCOPY a/l /", NULL, "|a a/l|" },
	{ "FROM scratch\nCOPY a ab/l a/* /", NULL, "|a ab/l a/*|" },
	{ "FROM scratch\nCOPY . a/l /", NULL, "|a/l|whole" },
	{ "FROM scratch AS s\nFROM scratch\nCOPY --from=s a a/l /", NULL, "|| covers" },
	{ "FROM scratch\nRUN --mount=source=a,target=/a --mount=target=/b,source=a/l x", NULL, "|a a/l| covers" },
	{ "FROM scratch\nRUN --mount=source=a,target=/a --mount=target=/b --mount=from=common,target=/l,source=a/l x",
	  NULL, "@mount:common|a common:a/l|whole" },
	{ "FROM scratch\nONBUILD COPY a a/l /", NULL, "|| onbuild:COPY a a/l /;" },
	{ "FROM scratch AS b\nONBUILD COPY a a/l /\nFROM b", NULL, "|a a/l| covers" },
	{ "FROM scratch\nONBUILD \\\n COPY  a \\\n /", NULL, "|| onbuild:COPY  a  /;" },
	{ "FROM scratch AS b\nONBUILD COPY a /\nFROM b\nCOPY c /", NULL, "|a c|" },
	{ "FROM scratch AS b\nONBUILD COPY --from=busybox a /\nFROM b AS c\nFROM c", NULL, "copy:busybox||" },
	{ "FROM scratch\nONBUILD COPY <<E /\nFROM no\nE\nCOPY a /", NULL, "|a| onbuild:?; heredoc:2" },
	{ "FROM on:1\nCOPY c /", NULL, "on:1 copy:tool mount:busy:1|given/x c| mounts" },
	{ "FROM on:1 AS x\nONBUILD COPY d /\nFROM x\nCOPY $D/c /", NULL,
	  "on:1 copy:tool mount:busy:1|given/x d dir/c| mounts" },
	{ "FROM more AS on\nFROM on:1", NULL, "on:1 copy:tool mount:busy:1|given/x| mounts" },
	{ "FROM odd\nCOPY c /", NULL, "odd|c|whole " ALL },
	{ "# syntax=docker/dockerfile:1.7-labs\nFROM scratch\nCOPY a /", NULL, "|a|" },
	{ "# syntax = docker.io/docker/dockerfile@sha256:00\nFROM scratch\nCOPY a /", NULL, "|a|" },
	{ "# syntax=example/other\nFROM debian\nCOPY a /", NULL, "debian|a|whole " ALL },
	{ "#syntax=example/other\nhello: world", NULL, "||whole " ALL },
	{ "// syntax=example/other\n{}", NULL, "||whole " ALL },
	{ "# comment\n# syntax=example/other\nFROM scratch\nCOPY a /", NULL, "|a|" },
	{ "# syntax=docker/dockerfile:9\nFROM scratch\nINVENTED a /", NULL, "||whole " ALL },
	{ "FROM scratch\nCOPY --more=b a /", NULL, "|a|whole " ALL },
	{ "FROM scratch\nRUN --with=b true", NULL, "||whole " ALL },
	{ "FROM scratch\nCOPY a", NULL, "||whole" },
	{ "FROM scratch\nENV\nCOPY a /", NULL, "|a|whole " ALL },
	{ "FROM debian AS a\nCOPY --from=b x /\nFROM debian AS b\nCOPY --from=a y /\nCOPY z /", NULL, "debian debian|z|" },
	{ "FROM \"debian\"", NULL, "debian||" },
	{ "FROM scratch\nCOPY \"a\" b\"c\" /", NULL, "|a bc|" },
};

static void test_table(void **state)
{
	size_t count = sizeof(rows) / sizeof(*rows);

	(void)state;
	assert_true(count >= 60);
	for (size_t i = 0; i < count; i++) {
		struct arena *arena = arena_new();
		struct dockerfile_use use;
		struct error *err = NULL;
		char *found;

		if (resolve(rows[i].text, rows[i].target, arena, &use, &err) < 0)
			fail_msg("row %zu: %s: %s", i, rows[i].text, err->message);
		found = describe(rows[i].text, &use);
		if (strcmp(found, rows[i].expected) != 0)
			fail_msg("row %zu: %s\n gives   %s\n and not %s", i, rows[i].text, found, rows[i].expected);
		assert_true(!use.whole == !use.whole_why);
		free(found);
		arena_free(arena);
	}
}

static void test_errors(void **state)
{
	static const struct {
		const char *text, *target, *message;
	} bad[] = {
		{ "", NULL, "Dockerfile:1: no FROM instruction" },
		{ "# only\n", NULL, "Dockerfile:1: no FROM instruction" },
		{ "COPY a b\nFROM x", NULL, "Dockerfile:1: COPY stands before the first FROM" },
		{ "FROM a\nCOPI a /", NULL, "Dockerfile:2: unknown instruction COPI" },
		{ "FROM a\nINVENTED a /", NULL, "Dockerfile:2: unknown instruction INVENTED" },
		{ "FROM a\nroot:x:0:0\n", NULL, "Dockerfile:2: unknown instruction (not a word)" },
		{ "# syntax=docker/dockerfile:9\nFROM a\nCOPI a /", NULL, "Dockerfile:3: unknown instruction COPI" },
		{ "FROM a b", NULL, "Dockerfile:1: FROM takes an image, or an image, AS and a name" },
		{ "\nFROM a AS 1x", NULL, NULL },
		{ "FROM a\nRUN <<EOF\nx", NULL, "Dockerfile:2: the heredoc that ends with \"EOF\" is not ended" },
		{ "# escape=x\nFROM a", NULL, "Dockerfile:1: the escape directive takes ` or \\" },
		{ "# escape=`\n# escape=`\nFROM a", NULL, "Dockerfile:2: only one escape parser directive can be used" },
		{ "FROM $X", NULL, "Dockerfile:1: the base \"$X\" is empty: no argument gives it a value" },
		{ "FROM --platform=a/b/c/d x", NULL, "Dockerfile:1: \"a/b/c/d\" is not a platform" },
		{ "FROM a AS build\nFROM b", "biuld", "Dockerfile: there is no stage \"biuld\"" },
		{ "FROM a\n", "1", "Dockerfile: there is no stage \"1\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct arena *arena = arena_new();
		struct dockerfile_use use;
		struct error *err = NULL;

		if (resolve(bad[i].text, bad[i].target, arena, &use, &err) == 0)
			fail_msg("%s is taken", bad[i].text);
		assert_int_equal(err->cls, ERROR_USAGE);
		if (bad[i].message)
			assert_string_equal(err->message, bad[i].message);
		if (bad[i].target && strcmp(bad[i].target, "biuld") == 0)
			assert_non_null(strstr(err->remedy, "build"));
		error_free(err);
		arena_free(arena);
	}
}

/* A base that cannot be told in a stage that is not needed is nobody's concern. */
static void test_unreachable(void **state)
{
	struct arena *arena = arena_new();
	struct dockerfile_use use;

	(void)state;
	assert_int_equal(resolve("FROM $X AS x\nFROM --platform=$Y y AS y\nFROM z", NULL, arena, &use, NULL), 0);
	assert_int_equal(use.images_len, 1);
	assert_string_equal(use.images[0].name, "z");
	arena_free(arena);
}

/* The place of a name: its exact bytes, also over a continuation. */
static void test_places(void **state)
{
	static const struct {
		const char *text, *written;
		unsigned line;
	} cases[] = {
		{ "\n\nFROM   --platform=linux/arm64   debian:12 AS x", "debian:12", 3 },
		{ "# escape=`\r\nFROM `\r\n  debian:12 `\r\n as x\r\n", "debian:12", 2 },
		{ "\xef\xbb\xbf"
		  "FROM deb\\\nian",
		  "deb\\\nian", 1 },
		{ "FROM scratch\nCOPY --chown=1 --from=busy:1 a b", "busy:1", 2 },
		{ "FROM scratch\nCOPY \\\n# no\n --from=busy:1 a b", "busy:1", 2 },
		{ "FROM scratch\nRUN --mount=type=bind,target=/x,from=busy:1,source=a b", "busy:1", 2 },
		{ "FROM scratch\nRUN --mount=from=busy:1 b", "busy:1", 2 },
		{ "FROM scratch\nCOPY --from=\"busy:1\" a b", "busy:1", 2 },
		{ "ARG V=1\nFROM debian:${V}", "debian:${V}", 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct arena *arena = arena_new();
		struct dockerfile_use use;

		assert_int_equal(resolve(cases[i].text, NULL, arena, &use, NULL), 0);
		assert_int_equal(use.images_len, 1);
		if (use.images[0].length != strlen(cases[i].written) ||
		    memcmp(cases[i].text + use.images[0].offset, cases[i].written, use.images[0].length) != 0)
			fail_msg("case %zu: %.*s", i, (int)use.images[0].length, cases[i].text + use.images[0].offset);
		assert_int_equal(use.images[0].line, cases[i].line);
		arena_free(arena);
	}
}

/* What ADD fetches: which, whether it can become another one, and where it could be written anew. */
static void test_urls(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "ADD https://h/x /", "https://h/x@https://h/x" },
		{ "ADD --checksum=sha256:1 https://h/x /", "https://h/x! @https://h/x" },
		{ "ADD --checksum= https://h/x /", "https://h/x@https://h/x" },
		{ "ARG V=1\nadd --chown=1 https://h/$V \\\n /", "https://h/1@https://h/$V" },
		{ "ADD https://h/$NOT_KNOWN /", "https://h/@https://h/$NOT_KNOWN" },
		{ "ADD [\"https://h/x\", \"/\"]", "https://h/x" },
		{ "ADD https://h/x a http://h/y /", "https://h/x http://h/y" },
		{ "ADD https://h/r.git#main:sub /", "https://h/r.git#main:sub git@https://h/r.git#main:sub" },
		{ "ADD https://h/r.git#0123456789012345678901234567890123456789 /",
		  "https://h/r.git#0123456789012345678901234567890123456789! git@"
		  "https://h/r.git#0123456789012345678901234567890123456789" },
		{ "ADD git@h:a/b.git /", "git@h:a/b.git git@git@h:a/b.git" },
		{ "COPY https://h/x /", "" },
		{ "ONBUILD ADD https://h/x /", "" },
		{ "ADD https://h/x /\nFROM scratch", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_free char *text = mem_printf("FROM scratch\n%s", cases[i].text);
		struct arena *arena = arena_new();
		cleanup_buf struct buf out = { 0 };
		struct dockerfile_use use;

		assert_int_equal(resolve(text, NULL, arena, &use, NULL), 0);
		buf_str(&out, "");
		for (size_t j = 0; j < use.urls_len; j++) {
			const struct dockerfile_url *url = &use.urls[j];

			buf_printf(&out, "%s%s%s%s", j ? " " : "", url->url ? url->url : "?", url->pinned ? "! " : "",
				   url->git ? url->pinned ? "git" : " git" : "");
			if (url->length > 0) {
				buf_printf(&out, "@%.*s", (int)url->length, text + url->offset);
				assert_int_equal(strncasecmp(text + url->add, "ADD ", 4), 0);
			}
		}
		assert_string_equal(out.data, cases[i].expected);
		arena_free(arena);
	}
}

/* RUN steps that mount files, by the end of their flags; only of stages that lead to the target. */
static void test_mounts(void **state)
{
	static const struct {
		const char *text;
		const char *found; /* what follows each, a line each */
	} cases[] = {
		{ "FROM scratch\nRUN --mount=target=/m x", " x\n" },
		{ "FROM scratch\nRUN --network=none --mount=type=cache,target=/c --mount=type=bind,target=/m x", " x\n" },
		{ "FROM scratch\nRUN \\\n  --mount=type=bind,target=/m x\nRUN y\nRUN --mount=from=busy:1,target=/b z",
		  " x\n z\n" },
		{ "FROM scratch\nRUN --mount=type=cache,target=/c --mount=type=secret,id=s --mount=type=ssh "
		  "--mount=type=tmpfs,target=/t x",
		  "" },
		{ "FROM scratch\nARG T=cache\nRUN --mount=type=${T},target=/c x\nRUN --mount=type=${U:-bind},target=/b "
		  "x",
		  " x\n" },
		{ "FROM debian\nRUN --mount=type=$T,target=/c x", " x\n" },
		{ "FROM scratch AS a\nRUN --mount=target=/a x\nFROM scratch\nRUN --mount=type=cache,from=b,target=/b y",
		  " y\n" },
		{ "FROM scratch AS a\nRUN --mount=target=/a x\nFROM scratch\nRUN --mount=from=a,target=/b y", " x\n y\n" },
		{ "FROM scratch\nONBUILD RUN --mount=target=/a x", "" },
		{ "FROM scratch\nRUN --mount=target='/m' x", "' x\n" },
		{ "FROM scratch\nONBUILD RUN x", "" },
		{ "FROM scratch AS a\nONBUILD RUN --mount=target=/a x\nFROM a", " x\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct arena *arena = arena_new();
		cleanup_buf struct buf found = { 0 };
		struct dockerfile_use use;

		assert_int_equal(resolve(cases[i].text, NULL, arena, &use, NULL), 0);
		buf_str(&found, "");
		for (size_t j = 0; j < use.mounts_len; j++) {
			const char *at = cases[i].text + use.mounts[j];

			buf_printf(&found, "%.*s\n", (int)strcspn(at, "\n"), at);
		}
		assert_string_equal(found.data, cases[i].found);
		arena_free(arena);
	}
}

static bool used(const struct dockerfile_use *use, const char *name)
{
	for (size_t i = 0; i < use->args_used_len; i++)
		if (strcmp(use->args_used[i], name) == 0)
			return true;
	return false;
}

static void test_args_used(void **state)
{
	static const char text[] = "ARG A=1\nARG B=$A\nARG C=2\nARG D=3\nARG E=4\n"
				   "FROM x:$D AS other\nARG F\n"
				   "FROM --platform=$BUILDPLATFORM y:$B\nARG E\nARG G=5\nRUN echo $TARGETOS\n";
	cleanup_buf struct buf chain = { 0 };
	struct arena *arena = arena_new();
	struct dockerfile_use use;

	(void)state;
	buf_str(&chain, "ARG A0=1\n");
	assert_int_equal(resolve(text, NULL, arena, &use, NULL), 0);
	assert_true(used(&use, "A"));
	assert_true(used(&use, "B"));
	assert_false(used(&use, "C"));
	assert_false(used(&use, "D"));
	assert_true(used(&use, "E"));
	assert_false(used(&use, "F"));
	assert_true(used(&use, "G"));
	assert_true(used(&use, "BUILDPLATFORM"));
	assert_false(used(&use, "TARGETOS"));
	/* what a global one that a stage takes over was made of */
	assert_int_equal(resolve("ARG A=1\nARG B=$A\nARG C=$B\nFROM x\nARG C\nENV X=$C\n", NULL, arena, &use, NULL), 0);
	assert_true(used(&use, "A"));
	assert_true(used(&use, "B"));
	for (int i = 1; i < 300; i++)
		buf_printf(&chain, "ARG A%d=$A%d\n", i, i - 1);
	buf_str(&chain, "ARG OTHER=1\nFROM x\nARG A299\n");
	assert_int_equal(resolve(chain.data, NULL, arena, &use, NULL), 0);
	assert_true(used(&use, "A0"));
	assert_true(used(&use, "A150"));
	/* and what that was made of before it got another value */
	assert_int_equal(resolve("ARG A=1\nARG B=$A\nARG C=$B\nARG C=$C-x\nARG B=2\nFROM x\nARG C\nENV X=$C\n", NULL,
				 arena, &use, NULL),
			 0);
	assert_true(used(&use, "A"));
	arena_free(arena);
}

static void test_reason(void **state)
{
	struct arena *arena = arena_new();
	struct dockerfile_use use;

	(void)state;
	assert_int_equal(resolve("FROM debian\n\nCOPY ${X} /", NULL, arena, &use, NULL), 0);
	assert_string_equal(use.whole_why, "COPY source ${X} is not known before the build (line 3)");
	assert_null(use.syntax);
	assert_int_equal(
		resolve("# check=skip=all\n# syntax=docker/dockerfile:1 \nFROM debian", NULL, arena, &use, NULL), 0);
	assert_string_equal(use.syntax, "docker/dockerfile:1");
	arena_free(arena);
}

/* Depth and length that would exhaust a recursive or quadratic reader. */
static void test_large(void **state)
{
	struct buf text = { 0 };
	struct arena *arena = arena_new();
	struct dockerfile_use use;

	(void)state;
	buf_str(&text, "FROM scratch AS s0\n");
	for (int i = 1; i < 3000; i++)
		buf_printf(&text, "FROM s%d AS s%d\nCOPY f%d /\n", i - 1, i, i % 10);
	buf_str(&text, "COPY ");
	for (int i = 0; i < 50000; i++)
		buf_str(&text, "${x:-");
	buf_str(&text, " /\nONBUILD");
	for (int i = 0; i < 50000; i++)
		buf_str(&text, " ONBUILD");
	assert_int_equal(resolve(text.data, NULL, arena, &use, NULL), 0);
	assert_true(use.whole);
	assert_int_equal(use.sources_len, 10);
	buf_free(&text);
	arena_free(arena);
}

/* A word goes on behind a NUL byte, and nothing behind its end is read. */
static void test_nul(void **state)
{
	static const char text[] = "FROM deb\0ian\nCOPY a\0b /\nRUN --mount=from=\0x,source=y true";
	struct arena *arena = arena_new();
	struct dockerfile_options options = { 0 };
	struct dockerfile *dockerfile = NULL;
	struct dockerfile_use use;

	(void)state;
	platform_parse("linux/arm64", &options.platform);
	assert_int_equal(dockerfile_parse(text, sizeof(text) - 1, "Dockerfile", &dockerfile, NULL), 0);
	assert_int_equal(dockerfile_resolve(dockerfile, &options, arena, &use, NULL), 0);
	assert_int_equal(use.images_len, 2);
	assert_string_equal(use.images[0].name, "deb\x01ian");
	assert_int_equal(use.images[0].length, 7);
	assert_string_equal(use.images[1].name, "\x01x");
	assert_true(use.whole);
	dockerfile_free(dockerfile);
	arena_free(arena);
}

/* Values that grow without bound, or are long to search, are not worked out: the whole context counts. */
static void test_growth(void **state)
{
	cleanup_buf struct buf doubled = { 0 }, trimmed = { 0 };
	struct arena *arena = arena_new();
	struct dockerfile_use use;

	(void)state;
	buf_str(&doubled, "FROM scratch\nARG A=0123456789abcdef\n");
	for (int i = 0; i < 60; i++)
		buf_str(&doubled, "ARG A=$A\"$A\"\n");
	buf_str(&doubled, "COPY $A /\n");
	assert_int_equal(resolve(doubled.data, NULL, arena, &use, NULL), 0);
	assert_true(use.whole);
	buf_str(&trimmed, "FROM scratch\nARG A=");
	for (int i = 0; i < 60000; i++)
		buf_char(&trimmed, 'a');
	buf_str(&trimmed, "\nARG B=${A%%*b*b}\nCOPY $B /\n");
	assert_int_equal(resolve(trimmed.data, NULL, arena, &use, NULL), 0);
	assert_true(use.whole);
	arena_free(arena);
}

/* "source>target ...", "source" where the copy is not plain or a step follows, "?" where it cannot be told. */
static void test_copies(void **state)
{
	static const struct {
		const char *text, *target, *copies;
	} files[] = {
		{ "FROM x\nWORKDIR /app\nCOPY . .\n", NULL, ".>/app/" },
		{ "FROM x\nCOPY a /b\nCOPY --link c/ d e/ /f/\nCOPY g h /i\n", NULL, "a>/b c>/f/ d>/f/ e>/f/ g h" },
		/* what a step uses, and what comes after it */
		{ "FROM x\nWORKDIR /app\nWORKDIR sub\nCOPY package.json .\nRUN npm ci\nCOPY src ./src\n", NULL,
		  "package.json src>/app/sub/src" },
		/* a stage of another result, and one below */
		{ "FROM x AS build\nCOPY go.mod /\nRUN make\nFROM x AS base\nWORKDIR /w\nCOPY a a\nFROM base\nCOPY --from=build /o /o\nCOPY b b\n",
		  NULL, "go.mod a>/w/a b>/w/b" },
		{ "FROM x AS base\nCOPY a /a\nFROM base AS dev\nCOPY b /b\nFROM base\nCOPY c /c\n", "dev", "c a>/a b>/b" },
		/* where it goes, or with what attributes, is not known */
		{ "FROM x\nCOPY a b\nCOPY --chown=1 c /c\nADD d /d\nCOPY e* /e/\nCOPY f $DIR\nWORKDIR /$X\nCOPY g g\n",
		  NULL, "a c d e* f g" },
		{ "FROM x\nADD https://example.com/x /x\nCOPY ../a /a\n", NULL, "a>/a" },
		{ "FROM x\nCOPY $A /a\n", NULL, "?" },
		{ "FROM x\nCOPY <<EOF /a\nx\nEOF\n", NULL, "?" },
		{ "FROM x\nRUN --mount=target=/src make\n", NULL, "?" },
		{ "FROM x\nRUN --mount=type=cache,target=/c make\nCOPY a /a\n", NULL, "a>/a" },
		{ "FROM x\nCOPY a /a\n", "none", "?" },
		{ "# syntax=example/other\nFROM x\nCOPY a /a\n", NULL, "?" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		cleanup_buf struct buf out = { 0 };
		struct arena *arena = arena_new();
		struct dockerfile *dockerfile = NULL;
		struct dockerfile_copy *copies;
		size_t len = 0;

		assert_int_equal(dockerfile_parse(files[i].text, strlen(files[i].text), "Dockerfile", &dockerfile, NULL),
				 0);
		if (!dockerfile_copies(dockerfile, files[i].target, arena, &copies, &len))
			buf_str(&out, "?");
		for (size_t j = 0; j < len; j++)
			buf_printf(&out, "%s%s%s%s", j ? " " : "", copies[j].source, copies[j].target ? ">" : "",
				   copies[j].target ? copies[j].target : "");
		if (strcmp(out.data, files[i].copies) != 0)
			fail_msg("%s\ngot:    %s\nwanted: %s", files[i].text, out.data, files[i].copies);
		dockerfile_free(dockerfile);
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),     cmocka_unit_test(test_errors), cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_places),    cmocka_unit_test(test_urls),   cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_args_used), cmocka_unit_test(test_reason), cmocka_unit_test(test_large),
		cmocka_unit_test(test_nul),       cmocka_unit_test(test_growth), cmocka_unit_test(test_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
