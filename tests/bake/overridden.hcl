# set: app.args.V=2
# set: app.tags=acme/app:set
# set: app.tags=acme/app:also
# set: *.labels.all=yes
# set: b*.platform=linux/arm64
# set: app.no-cache=true
# set: app.cache-from+=type=gha
# set: app.target=other
# set: app.secrets=id=x,src=/dev/null
# set: base.contexts.extra=./extra
# set: app.output=type=registry
# set: base.attest=type=sbom
target "base" {
  args = { V = "1", W = "1" }
  platforms = ["linux/amd64"]
  cache-from = ["type=registry,ref=acme/cache"]
}
target "app" {
  inherits = ["base"]
  tags = ["acme/app:1", "acme/app:2"]
  secret = ["id=token,env=TOKEN"]
}
