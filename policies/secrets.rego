# Secrets.
#
# No tool reads or writes what holds credentials. Every text of the input and every target and path of an
# effect is split like a path; a part that names a secret denies.
package policy.assistant.v1

deny contains {"rule": "secret_path", "message": $"{text} names a secret; secrets are out of reach of every tool"} if {
	not is_rollback
	some text in texts
	some part in parts_of(text)
	names_secret(part)
}

texts contains text if {
	walk(input.action.input, [_, text])
	is_string(text)
}

texts contains effect.target if some effect in input.resources.effects

texts contains path if {
	some effect in input.resources.effects
	some path in effect.paths
}

# Separators of paths, revisions (HEAD:path), URLs and query strings are one separator here.
parts_of(text) := {part |
	folded := replace(replace(replace(replace(replace(lower(text), `\`, "/"), ":", "/"), "?", "/"), "=", "/"), "%2f", "/")
	some part in split(folded, "/")
	part != ""
}

names_secret(part) if part in config.secrets.names

names_secret(part) if {
	some prefix in config.secrets.prefixes
	startswith(part, prefix)
}

names_secret(part) if {
	some suffix in config.secrets.suffixes
	endswith(part, suffix)
}
