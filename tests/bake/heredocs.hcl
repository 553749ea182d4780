variable "NAMES" { default = ["a", "b"] }
target "default" {
  dockerfile-inline = <<-EOF
    FROM scratch
    %{ for i, name in NAMES ~}
    COPY ${name} /${i}
    %{ endfor ~}
    LABEL x="%%{y}" z="$${HOME}"
  EOF
  args = {
    KEEP = <<EOF
  two spaces
	tab
EOF
    EMPTY = <<-EOF
    EOF
    MIXED = <<-EOF
      a
        b

      c ${1 + 1} d
    EOF
    IF = "%{ if length(NAMES) > 1 }many%{ else }one%{ endif }"
    TRIM = "a ${~ " b " ~} c"
  }
}
