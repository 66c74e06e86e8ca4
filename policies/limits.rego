# Blast radius and limits.
# How much one plan may touch, and the bounds that are enforced again before each effect.
package policy.assistant.v1

limits := object.union(config.limits["default"], environment_limits)

default environment_limits := {}

environment_limits := config.limits.environments[input.context.environment]

deny contains {
	"rule": "blast_radius",
	"message": $"{input.resources.blast_radius} resources are touched; {limits.blast_radius} are the limit",
} if {
	is_forward
	is_blast_radius_known
	input.resources.blast_radius > limits.blast_radius
}

deny contains {
	"rule": "write_steps",
	"message": $"The plan has {input.resources.write_steps} write steps; {limits.write_steps} are the limit",
} if {
	is_forward
	input.resources.write_steps > limits.write_steps
}

deny contains {
	"rule": amount.rule,
	"message": $"{amount.effect} on {effect.target}: {effect[amount.field]} is over the limit {limits[amount.limit]}",
} if {
	is_forward
	some effect in changes
	some amount in amounts
	effect.kind == amount.effect
	effect[amount.field] > limits[amount.limit]
}

approval contains {"rule": "unknown_blast_radius", "message": "It is not known what else this touches"} if {
	needs_judgement
	not is_blast_radius_known
}

approval contains {"rule": "release_secrets", "message": $"{effect.target}: {effect.secret_objects} Secrets change"} if {
	needs_judgement
	some effect in changes
	effect.kind == "release"
	effect.secret_objects > 0
}

amounts := [
	{"rule": "files_changed", "effect": "git_push", "field": "files_changed", "limit": "files_changed"},
	{"rule": "lines_changed", "effect": "git_push", "field": "lines_changed", "limit": "lines_changed"},
	{"rule": "silence_too_long", "effect": "alert_silence", "field": "duration_ms", "limit": "silence_ms"},
	{"rule": "replicas", "effect": "scale", "field": "replicas", "limit": "replicas"},
	{"rule": "pods_evicted", "effect": "node_drain", "field": "pods", "limit": "pods_evicted"},
	{"rule": "release_objects", "effect": "release", "field": "objects", "limit": "release_objects"},
]

constraint["max_write_steps"] := {"kind": "max_write_steps", "max": limits.write_steps} if is_forward

constraint["max_run_time"] := {"kind": "max_run_time", "max_ms": limits.run_time_ms} if is_forward

constraint["allowed_targets"] := {"kind": "allowed_targets", "patterns": patterns} if {
	is_forward
	patterns := sort([literal(target) | some target in {effect.target | some effect in input.resources.effects}])
}

constraint["allowed_paths"] := {"kind": "allowed_paths", "patterns": config.scope.paths} if pushes

constraint["max_files_changed"] := {"kind": "max_files_changed", "max": limits.files_changed} if pushes

constraint["max_lines_changed"] := {"kind": "max_lines_changed", "max": limits.lines_changed} if pushes

constraint["max_replicas"] := {"kind": "max_replicas", "max": limits.replicas} if has_forward_effect({"scale"})

constraint["allowed_namespaces"] := {"kind": "allowed_namespaces", "namespaces": config.scope.namespaces} if {
	has_forward_effect({"scale", "deploy", "restart", "apply", "node_drain", "release", "sync"})
}

constraint["allowed_images"] := {"kind": "allowed_images", "patterns": config.scope.images} if {
	has_forward_effect({"deploy", "apply", "release"})
}

pushes if has_forward_effect({"git_push"})

has_forward_effect(kinds) if {
	is_forward
	some effect in changes
	effect.kind in kinds
}

# A target as a pattern that matches nothing else: characters that patterns give a meaning to are escaped.
literal(target) := replace(replace(replace(target, `\`, `\\`), "*", `\*`), "?", `\?`)
