#include "config.h"

#include <stddef.h>

#include "cli/cmd/commands.h"
#include "cli/command.h"

static const struct command commands[] = {
	{ "build", "[TARGET...]", "build, load and verify what is stale (the default)", cmd_build,
	  .heading = "Every day", .takes = TAKES_TARGETS, .formats = "text json",
	  .detail = "Builds the targets and what they need, joins the platforms into one image, puts the "
		    "host's into the local engine and checks the container. What is fresh is not touched; a "
		    "run with nothing to do starts no process. After a failure or a Ctrl-C the next run goes "
		    "on where this one ended.\n\n`-n` only says what would be done, and why; `--format` is "
		    "for it. A target that is called like a command needs the word before it: `cbuild build check`.",
	  .examples = "cbuild\teverything that is stale\n"
		      "cbuild all --platforms linux/amd64,linux/arm64\teverything, for both platforms\n"
		      "cbuild control-plane\tone service and what it needs\n"
		      "cbuild -n control-plane\twhat would be done, and why\n"
		      "cbuild -n --exit-code\tstatus 1 when something is stale\n"
		      "cbuild @since:origin/main\tthe services that differ from a commit\n" },
	{ "verify", "[TARGET...]", "run the checks again, on up-to-date images", cmd_verify, .takes = TAKES_TARGETS,
	  .formats = "text json",
	  .detail = "Builds what is stale, then runs every check of the targets, also those that passed "
		    "before.",
	  .examples = "cbuild verify indexer\tcheck one service again\n" },
	{ "push", "[TARGET...]", "build what is stale, then push: content first, tags last", cmd_push,
	  .takes = TAKES_TARGETS, .formats = "text json",
	  .detail = "As `build --push`: everything is built and checked first, then what is missing goes to the "
		    "registries by "
		    "digest, then the tags are put. When something fails before that nothing is tagged; with `-k` a "
		    "service is pushed when it is complete itself. With nothing new it costs one request a tag.",
	  .examples = "cbuild push\teverything\n"
		      "cbuild push web --tag=1.4.0,latest\tone service under two tags\n"
		      "cbuild push -n\twhat would be pushed; no network is used\n" },
	{ "watch", "[TARGET...]", "build, load and verify, and again whenever something changes", cmd_watch,
	  .takes = TAKES_TARGETS,
	  .detail = "Builds the targets, then waits until a file changes that counts for one of them (or the manifest "
		    "does) and builds again what is stale. A build that a change has made outdated is ended and begun "
		    "anew; a burst of changes counts as one. Ctrl-C ends it. Only folders with something in them that "
		    "counts are watched. With `--run` the targets are started as by `up --detach`, and each that was "
		    "built "
		    "anew is restarted, at the same address; Ctrl-C ends them, too.",
	  .examples = "cbuild watch web\tbuild and check web whenever it is saved\n"
		      "cbuild watch --run web\tkeep it running, always the newest\n" },
	{ "up", "[TARGET...]", "start the services and what they depend on, until Ctrl-C", cmd_up, .takes = TAKES_TARGETS,
	  .detail = "Builds what is stale for this machine, then starts the services in the order of their "
		    "`depends_on`, "
		    "with its conditions, on a network of their own where they find each other by name. Their `ports` "
		    "are "
		    "published on the loopback address: `8000` on a free port, `8080:8000` on 8080. When all are "
		    "healthy their addresses are printed, then their output, until Ctrl-C ends them (status 130) or "
		    "all "
		    "have ended; a second Ctrl-C does not wait for them. What does not get healthy is status 5, with "
		    "its "
		    "last lines.\n\n"
		    "What runs already with the same image and settings goes on, anything else is replaced. Without "
		    "targets all services of `all` are started, and those without `build`, whose images are pulled.",
	  .examples = "cbuild up\tall services\n"
		      "cbuild up web\tone and what it depends on\n"
		      "cbuild up --detach\treturn when they are healthy\n" },
	{ "down", "[SERVICE...]", "end what `up` has started", cmd_down, .takes = TAKES_TARGETS,
	  .detail = "Ends and removes the containers of this manifest's services that `up` and `watch --run` have "
		    "started, "
		    "also those that a killed run left, and their network when nothing is left. Images stay.",
	  .examples = "cbuild down\tall of them\n"
		      "cbuild down web\tone\n" },
	{ "ps", "[SERVICE...]", "what `up` has started: services, containers, addresses", cmd_ps,
	  .takes = TAKES_TARGETS, .formats = "text json",
	  .detail = "The containers of this manifest's services, also those that have ended, in every runtime: the service, whether "
		    "it runs or with which status it has ended, the container's name, and where its ports are.",
	  .examples = "cbuild ps\tall of them\n"
		      "cbuild ps --format=json | jq -r '.[].container'\ttheir names, for a script\n" },
	{ "logs", "[SERVICE...]", "what the services have printed (-f: and go on; --tail=N)", cmd_logs,
	  .takes = TAKES_TARGETS, .formats = "text json",
	  .detail = "Each line begins with its service; as JSON each is an object. With `-f` (behind the command) it goes on until the "
		    "services have ended, or Ctrl-C.",
	  .examples = "cbuild logs -f web\tfollow one\n"
		      "cbuild logs --tail=100\tthe last lines of each\n" },
	{ "exec", "SERVICE COMMAND...", "run a command in a running service's container", cmd_exec, .takes = TAKES_SERVICE,
	  .detail = "The command has this standard input and, where this is one, the terminal. Its status is the status. Everything "
		    "behind the service belongs to it.",
	  .examples = "cbuild exec web sh\ta shell in it\n"
		      "cbuild exec db psql -c 'select 1'\tone command\n" },
	{ "run", "SERVICE [COMMAND...]", "run a service, or another command in its image, in the foreground", cmd_run,
	  .takes = TAKES_SERVICE,
	  .detail = "Builds what is stale, starts what the service depends on, and leaves that running, as `up --detach` does. Then it "
		    "runs the service in a new container with its environment and volumes, but without published ports, with this "
		    "standard input and, where this is one, the terminal. Its status is the status, and it is removed when it has "
		    "ended. Everything behind the service is the command, instead of its own.",
	  .examples = "cbuild run web sh\ta shell in its image\n"
		      "cbuild run migrate\tthe service's own command, once\n" },
	{ "port", "SERVICE [PORT]", "where a service's port is on this machine", cmd_port, .takes = TAKES_SERVICE,
	  .formats = "text json", .detail = "`53/udp` is a UDP port. Without a port all of them.",
	  .examples = "cbuild port web 8000\t127.0.0.1:40123\n" },
	{ "stop", "[SERVICE...]", "stop services, and keep their containers", cmd_stop, .takes = TAKES_TARGETS,
	  .detail = "Each gets its stop signal, and is killed after its `stop_grace_period`. `cbuild restart` starts them again, "
		    "`cbuild up` makes new ones, `cbuild down` removes them.",
	  .examples = "cbuild stop db\tone\n" },
	{ "restart", "[SERVICE...]", "stop services and start the same containers again", cmd_restart,
	  .takes = TAKES_TARGETS,
	  .detail = "As `stop`, and then started again, as they were: a changed manifest or image is `cbuild up`'s business.",
	  .examples = "cbuild restart web\tone\n" },
	{ "why", "SERVICE|NODE", "what changed since its last build, old and new", cmd_why, .takes = TAKES_SERVICE,
	  .formats = "text json",
	  .detail = "For each of its nodes what changed since it was done last: old and new values in full, "
		    "file by file; or when, with what and in which time it was done, when it is fresh. A "
		    "node is named as `-n` prints it.",
	  .examples = "cbuild why web\twhy web would be built\n"
		      "cbuild why build:web:linux/arm64\tone node of it\n" },
	{ "graph", "[TARGET...]", "what needs what, with states, as a tree or a picture", cmd_graph,
	  .takes = TAKES_TARGETS, .formats = "text dot svg mermaid json",
	  .detail = "The nodes that `-n` decides on, and what each needs: as a tree in which a node that several need "
		    "is "
		    "shown once; for Graphviz (`dot`) or Mermaid; as a picture that needs no other program (`svg`: "
		    "point at "
		    "a box for its reasons); or as `-n --format=json` prints them. What another need of a node needs "
		    "already is left out, but for JSON. Nothing is done.",
	  .examples = "cbuild graph web\twhat web needs\n"
		      "cbuild graph --format=svg >graph.svg\ta picture for a browser\n"
		      "cbuild graph --format=dot | dot -Tpdf >graph.pdf\tlaid out by Graphviz\n" },
	{ "list", NULL, "services, groups and their images", cmd_list, .formats = "text json",
	  .examples = "cbuild list\twhat the manifest has\n"
		      "cbuild -f other.yaml list --format=json\tof another one, for a script\n" },
	{ "log", "SERVICE|NODE", "the log of its last run", cmd_log, .takes = TAKES_SERVICE,
	  .detail = "Of a service, the node that failed last.",
	  .examples = "cbuild log web\twhy web failed\n"
		      "cbuild log build:indexer:linux/arm64\twhat one build printed\n" },
	{ "images", "[TARGET...]", "the images that were made, with digests, platforms and sizes", cmd_images,
	  .heading = "Images and registries", .takes = TAKES_TARGETS,
	  .formats = "text json env kustomize helm compose github",
	  .detail = "What was made last, from the records; also when something has become stale since. "
		    "`--format=env` prints lines that a shell reads, `kustomize` the images of a kustomization.yaml by "
		    "the services' names, `helm` the values of a chart (`SERVICE.image.repository`, `tag`, `digest`), `compose` a file "
		    "to be merged over a compose file, `github` the outputs of a workflow's step (into the file of `GITHUB_OUTPUT` "
		    "when it is set, and a table into that of `GITHUB_STEP_SUMMARY`). In a workflow a build or push writes the latter "
		    "itself. These name an image that was "
		    "pushed by the digest that the registry knows, and one that was not by its tag. With `--remote` "
		    "each reference "
		    "is compared with what its registry has: `same` (also when another commit's annotations "
		    "are in its index), `differs` or `missing`.",
	  .examples = "cbuild images --format=env\twhat was made, for the next tool\n"
		      "cbuild images --format=helm >images.yaml\tfor helm upgrade -f images.yaml\n"
		      "cbuild images web --format=json\tone image with everything known of it\n"
		      "cbuild images --remote\twhether the registry has what is here\n" },
	{ "tag", "SERVICE NEW...", "further tags for what is in the registry, also elsewhere; nothing is built",
	  cmd_tag, .takes = TAKES_SERVICE, .formats = "text json",
	  .detail = "Puts what was pushed last from here under new tags, in one request each. What another machine has "
		    "pushed is found under the service's first tag. A `NEW` like `HOST/PATH:TAG` is another repository: "
		    "the index, the images of all platforms, attestations, signatures and whatever else refers to them are "
		    "copied there by digest before the tag is set. What the registry can mount from the first repository is "
		    "not sent.",
	  .examples = "cbuild tag web 1.4.0 1.4 stable\ta release of what was tried\n"
		      "cbuild tag web prod.example.com/shop/web:1.4.0\tthe same image, in production's registry\n" },
	{ "join", "SERVICE DIGEST...", "put images that several machines pushed by digest under one tag", cmd_join,
	  .takes = TAKES_SERVICE, .formats = "text json",
	  .detail =
		  "For a pipeline with a job for each platform: each pushes with `--by-digest`, and the last one joins what they have "
		  "pushed. Makes one index of the images in the service's repository (`DIGEST` may be `NAME@DIGEST`, as "
		  "`cbuild images --format=env` prints it), in the order of the manifest's platforms, and puts it under the "
		  "service's tags. Nothing is pulled. A platform of the manifest that is missing is an error, unless `--partial`.",
	  .examples = "cbuild web --push --by-digest --platforms=linux/arm64\tin the job for arm64\n"
		      "cbuild join web sha256:0123... sha256:4567...\tin the last one\n" },
	{ "attach", "FILE IMAGE", "an SBOM or VEX document beside what is in the registry (--type)", cmd_attach,
	  .takes = TAKES_FILE, .formats = "text json",
	  .detail = "Puts the file into the registry as an artifact about the image, which other tools find there as a referrer of its "
		    "digest. The image stays as it is. `IMAGE` is a reference, or a service: what its first tag means.",
	  .examples = "cbuild attach sbom.spdx.json web --type=spdx\tan SBOM of what was pushed\n"
		      "cbuild attach vex.json ghcr.io/acme/web:1.4.0 --type=openvex\tabout any image\n" },
	{ "verify-signature", "REFERENCE...", "whether images in registries are signed by --key; status 4 when one is not",
	  cmd_verify_signature, .formats = "text json",
	  .detail = "Looks for a signature as cosign and `sign:` in the manifest make them, under cosign's tag and among what refers to the "
		    "image, checks it with the public key, and prints the name with the digest that is signed.",
	  .examples = "cbuild verify-signature --key=cosign.pub ghcr.io/acme/web:1.4.0\tbefore it is deployed\n" },
	{ "inspect", "REFERENCE", "what a registry has under it: digest, platforms, sizes", cmd_inspect,
	  .formats = "text json",
	  .detail = "Asks the registry for the image, checks what it sends, and shows digest, annotations, and of each "
		    "platform digest, size, user, command, ports and labels.",
	  .examples = "cbuild inspect ghcr.io/acme/web:1\tan image in a registry\n"
		      "cbuild inspect debian:12 --format=json\tone of Docker Hub's, for a script\n" },
	{ "load", "[TARGET...]", "load what was built into docker, podman, containerd or kind (--to)", cmd_load,
	  .takes = TAKES_TARGETS, .formats = "oci zstd estargz nydus",
	  .detail = "Puts the images that were made last under all their references into `--to`: an engine, a "
		    "namespace of containerd (Kubernetes reads `k8s.io`), or the nodes of a kind cluster. "
		    "containerd and kind get all platforms; docker and podman hold one, so they get this machine's. "
		    "`--format` chooses one of the manifest's `formats` instead of the plain image; containerd gets nydus "
		    "images as they are, for the snapshotter that knows them, and nothing else takes them. "
		    "Nothing is built.",
	  .examples = "cbuild load --to=containerd:k8s.io\twhat a Kubernetes on this machine runs\n"
		      "cbuild load web --to=kind:dev\tone service, into a kind cluster\n" },
	{ "lock", "[BASE...]", "write services.lock, the digests of base images (--update, --check)", cmd_lock,
	  .formats = "text json",
	  .detail = "Asks the registries what the images are that builds start from and copy from, and servers what is at the URLs "
		    "that builds fetch, and writes it to "
		    "`services.lock` beside the manifest, to be committed: builds use these digests from then on, and "
		    "nothing asks what a tag has become. What the lock has already stays; what no build names any more "
		    "goes. `--update` asks for all again, or for the `BASE` images and URLs that are named. `--check` writes "
		    "nothing and asks nobody: it lists what is missing or not needed, and ends with status 1 when "
		    "anything is. With both it lists what `--update` would change.",
	  .examples = "cbuild lock\tlock what is not locked yet\n"
		      "cbuild lock --update debian:12\ttake what that tag stands for now\n"
		      "cbuild lock --check\tin a pipeline: does the lock fit the Dockerfiles?\n" },
	{ "login", "[REGISTRY]", "keep a login where docker keeps it", cmd_login,
	  .detail = "Asks the registry (Docker Hub without one) whether it takes the login, and keeps it: by the "
		    "credential helper if one is configured, else in the file that docker reads. On a terminal it asks "
		    "for the rest.",
	  .examples = "printf %s \"$TOKEN\" | cbuild login -u me --password-stdin ghcr.io\tin a pipeline\n"
		      "cbuild login registry.example.com\ton a terminal\n" },
	{ "logout", "[REGISTRY]", "forget a login", cmd_logout,
	  .examples = "cbuild logout ghcr.io\twhat login has kept\n" },
	{ "check", "[TARGET...]", "mistakes in the Dockerfiles, certain and likely; status 1 when a build would fail",
	  cmd_check, .heading = "Inputs and history", .takes = TAKES_TARGETS, .formats = "text json sarif",
	  .detail =
		  "Checks the targets' Dockerfiles without building. Errors: a COPY source that does not exist or that the ignore "
		  "file leaves out. Warnings: a base without a version, an image that runs as root, an argument that the "
		  "manifest gives and the Dockerfile never declares, a secret in ARG or ENV, an image that is probably a "
		  "misspelt stage. Where docker builds (asked for, or used last), BuildKit's own checks are asked for, too. "
		  "`--format=sarif` is what code scanning services read.",
	  .examples = "cbuild check\tall services\n"
		      "cbuild check web\tone of them\n"
		      "cbuild check --format=sarif >check.sarif\tfor a code scanning service\n"
		      "cbuild check --builder=docker\twith BuildKit's own checks\n" },
	{ "context", "SERVICE", "the files of a service's build that count (-0, -l)", cmd_context,
	  .takes = TAKES_SERVICE, .formats = "text json",
	  .detail = "The files that are in the service's key, one a line: those that the Dockerfile copies "
		    "and `.dockerignore` leaves. Paths are relative to the manifest's folder. With `-l` also type, mode, size and "
		    "digest.",
	  .examples = "cbuild context web\twhat web is built from\n"
		      "cbuild context -0 web | xargs -0 wc -c\ttheir sizes\n" },
	{ "hash", "[TARGET...]", "the keys of builds; with -v what they are made of, to diff", cmd_hash,
	  .takes = TAKES_TARGETS, .formats = "text json",
	  .detail = "The key of each build, also of those that targets are built from, or `unknown` while what it is "
		    "built from is stale. With `-v` "
		    "also what the key is made of, one input a line (kind, name and value, separated by "
		    "tabs), the same on every machine: `diff` tells why two machines have different keys.",
	  .examples = "cbuild hash\tevery build's key\n"
		      "cbuild hash -v web >here\twhat web's key is made of\n" },
	{ "affected", NULL, "services with inputs that differ (--since=REF; also a target: @since:REF)", cmd_affected,
	  .formats = "text json",
	  .detail = "The services for whose builds something differs between the commit `REF` and the "
		    "working tree, one a line: a file of a context that counts, the Dockerfile, the ignore "
		    "file, an input of `prepare`, or a service that they are built from. Files that git does "
		    "not know count, those that it ignores do not. When the manifest itself differs, all "
		    "services are named.",
	  .examples = "cbuild affected --since=origin/main\twhat a branch changes\n"
		      "cbuild @since:HEAD~1\tbuild just that\n" },
	{ "history", NULL, "the runs that did something: when, what, how long", cmd_history, .formats = "text json",
	  .detail = "The last 20 runs, the newest first; as JSON all that are kept, a thousand. A run with nothing to "
		    "do "
		    "leaves no trace.",
	  .examples = "cbuild history\twhat was done here\n"
		      "cbuild history --format=json | jq '.runs[0]'\tthe newest run, for a script\n" },
	{ "stats", NULL, "how long runs and nodes take, how much was fresh", cmd_stats, .formats = "text json",
	  .detail = "Over the runs that are kept: how many were good, how long they took, which share of the builds in "
		    "them was fresh, and the nodes that take longest, with the median of their times.",
	  .examples = "cbuild stats\twhere the time goes\n" },
	{ "report", "[RUN]", "one run as a page for a browser: timeline, graph, sizes, failures", cmd_report,
	  .detail = "One HTML file that needs no network and no script: when each node ran, which chain of needs "
		    "took longest and how long it waited for free slots, which service needed which (and on request which node), "
		    "the steps of each Dockerfile, how large the images were build by build, and "
		    "the logs of what failed. Of the newest run, or of the one with that number. The file is "
		    "`.cbuild/report.html`, or what `-o` names (`-`: standard output); its path is printed.",
	  .examples = "cbuild report\tthe newest run\n"
		      "cbuild report 12 -o run-12.html\tan older one, to be kept\n" },
	{ "clean", "[TARGET...]", "forget results; without a target remove all of .cbuild", cmd_clean,
	  .heading = "Maintenance", .takes = TAKES_TARGETS,
	  .examples = "cbuild clean web\tbuild web anew next time\n"
		      "cbuild clean\tbegin from nothing\n" },
	{ "prune", NULL, "remove what nothing needs (-n; --keep-storage=SIZE: more, oldest first)", cmd_prune,
	  .formats = "text json",
	  .detail = "Removes from `.cbuild` what nothing needs: images that are neither a build's newest "
		    "result nor tagged (also the newest of a service that the manifest no longer has stays), logs of "
		    "runs that are no longer in the history, lock files, what was fetched from elsewhere and is not used any more, "
		    "leftovers of killed runs. From the local engines it removes images of earlier results that lost their names to newer ones and that nothing uses. With `--keep-storage`, or a `store: {max: ...}` of the "
		    "manifest, also the newest results, those of the services first that were made the "
		    "longest time ago, until the images left are not larger. With `-n` it only says how much that "
		    "would be. Nothing is removed while another "
		    "cbuild runs.",
	  .examples = "cbuild prune -n\thow much would go\n"
		      "cbuild prune --keep-storage=5GiB\tbound the disk\n" },
	{ "fsck", NULL, "read the whole store and remove what is damaged; status 6 when something was", cmd_fsck,
	  .formats = "text json",
	  .detail = "Reads every blob of the store, and checks that all that is tagged or recorded is "
		    "there. What is damaged, and what is no blob, is removed; it is made again when it is "
		    "needed.",
	  .examples = "cbuild fsck\tafter a crash of the disk\n" },
	{ "doctor", "[PLATFORM...]", "the builders and runtimes of this machine, and what is missing", cmd_doctor,
	  .alone = true, .formats = "text json",
	  .detail = "Asks every builder and runtime anew: found or not, version, platforms native and emulated, "
		    "abilities beyond the common ones; and for what is missing the line that mends it. The "
		    "platforms named are those to be looked for, otherwise linux/amd64 and linux/arm64. Status "
		    "3 when there is no builder.\n"
		    "\n"
		    "With `--report` also versions, settings, what failed in the last run here, and the end of the "
		    "trace that CBUILD_TRACE names: a text for a bug report, with secrets hidden.",
	  .examples = "cbuild doctor\twhy it does not work here\n"
		      "cbuild doctor --report >report.txt\tfor a bug report\n"
		      "cbuild doctor --builder=docker:fleet\tone of buildx's own builders, too\n"
		      "cbuild doctor linux/riscv64 --format=json\tcan this platform be built here?\n" },
	{ "init", NULL, "write a services.yaml for what is here", cmd_init, .heading = "Getting started", .alone = true,
	  .detail = "Looks at the repository: Dockerfiles here and below become services, with names from their "
		    "folders and the "
		    "context that has the files they copy; EXPOSE becomes ports, HEALTHCHECK and EXPOSE checks, a base "
		    "that is "
		    "built here a context. A compose file, or docker-bake.json, gives its services as they are. "
		    "Nothing is ever "
		    "overwritten.",
	  .examples = "cbuild init\twrites services.yaml\n"
		      "cbuild init --stdout\tonly shows it\n"
		      "cbuild init -o images.yaml\twrites another file\n" },
	{ "import", "BAKE...", "print a manifest made from bake files", cmd_import, .takes = TAKES_FILE, .alone = true,
	  .detail = "For those who want a services.yaml instead of their bake files, in HCL or JSON, which cbuild also reads as "
		    "they are. Variables, functions, matrices and what targets inherit are worked out with this environment; "
		    "what is not taken over is said in comments. `-` is standard input.",
	  .examples = "cbuild import docker-bake.hcl -o services.yaml\twrites it\n"
		      "docker buildx bake --print | cbuild import -\tfrom what bake has worked out\n" },
	{ "export", "bake|compose", "print the manifest as a bake or compose file", cmd_export, .takes = TAKES_EXPORT,
	  .detail = "For those who want to switch back. Variables are filled in; what others build becomes a context of "
		    "theirs; "
		    "source_date_epoch becomes the argument that builders know. What has no place there and changes no "
		    "image "
		    "(checks, prepare steps) is left out and reported. An argument with ${platform.*} is refused.",
	  .examples = "cbuild export bake -o docker-bake.json\tfor docker buildx bake\n"
		      "cbuild export compose -o compose.yaml\tfor docker compose\n" },
	{ "schema", NULL, "the manifest's language as a JSON Schema, for editors", cmd_schema, .alone = true,
	  .detail = "A JSON Schema (draft-07) of what may be written where in a manifest, with the meaning of every "
		    "key, made "
		    "from the table that cbuild reads manifests with. An editor completes and checks with it; a line "
		    "at the "
		    "top of the manifest names it: `# yaml-language-server: $schema=cbuild.schema.json`.",
	  .examples = "cbuild schema >cbuild.schema.json\tfor an editor\n" },
	{ "completion", "SHELL", "print what makes bash, zsh or fish complete cbuild's words", cmd_completion,
	  .takes = TAKES_SHELL, .alone = true,
	  .detail = "`make install` puts these where the shells look. They ask `cbuild completion words`, "
		    "which prints, one a line, what the last of the words that follow `--` may become, and "
		    "what it means: commands, options, their values, and the services and groups of the "
		    "manifest in place.",
	  .examples = "source <(cbuild completion bash)\tin ~/.bashrc\n"
		      "source <(cbuild completion zsh)\tin ~/.zshrc, behind compinit\n"
		      "cbuild completion fish | source\tin ~/.config/fish/config.fish\n"
		      "cbuild completion words -- verify w\twhat a shell asks\n" },
	{ "version", NULL, "cbuild's version", cmd_version, .alone = true, .examples = "cbuild version\tfor a report\n" },
	{ "help", "[COMMAND|TOPIC]", "this; or all about a command or a topic", cmd_help, .takes = TAKES_TOPIC,
	  .alone = true, .formats = "text man",
	  .detail = "`cbuild COMMAND --help` is the same as `cbuild help COMMAND`. With `--format=man` the "
		    "manual page, of the topic `manifest` that of services.yaml.",
	  .examples = "cbuild help why\tall about a command\n"
		      "cbuild help manifest\tevery key of services.yaml\n"
		      "cbuild help --format=man | man -l -\tthe manual page\n" },
	{ 0 },
};

const struct command *command_table(void)
{
	return commands;
}
