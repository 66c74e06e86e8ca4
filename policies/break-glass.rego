# Break-glass.
#
# A person's way past approvals, freeze windows and critical risk, for at most an hour, in named
# environments, for a reason and an incident. Catalogue, secrets and limits hold all the same.
package policy.assistant.v1

allow contains {
	"rule": "break_glass",
	"message": $"{input.actor.id} broke the glass for {glass.incident_id}: {glass.reason}",
} if {
	is_forward
	is_break_glass
}

deny contains {"rule": "break_glass_human", "message": "Only a person may break the glass"} if {
	glass
	input.actor.kind != "human"
}

deny contains {"rule": "break_glass_role", "message": $"{input.actor.id} has no role that may break the glass"} if {
	glass
	not has_break_glass_role
}

deny contains {"rule": "break_glass_reason", "message": "Breaking the glass takes a reason and an incident"} if {
	glass
	not has_break_glass_cause
}

deny contains {"rule": "break_glass_expired", "message": $"The broken glass expired at {glass.expires_at}"} if {
	glass
	not has_glass_time
}

deny contains {
	"rule": "break_glass_too_long",
	"message": $"Broken glass may last {config.break_glass.max_ms} ms at most",
} if {
	glass_remaining_ns > longest_glass_ns
}

deny contains {
	"rule": "break_glass_environment",
	"message": $"The glass can not be broken in {input.context.environment}",
} if {
	glass
	not input.context.environment in config.break_glass.environments
}

deny contains {"rule": "break_glass_write", "message": "The glass is broken for writes only"} if {
	glass
	not is_write
}

# The same from question to question, so that asking again later is not a stricter answer.
constraint["window"] := {
	"kind": "window",
	"not_before": "1970-01-01T00:00:00Z",
	"not_after": glass.expires_at,
} if {
	is_break_glass
}

is_break_glass if {
	is_write
	input.actor.kind == "human"
	has_break_glass_role
	has_break_glass_cause
	has_glass_time
	glass_remaining_ns <= longest_glass_ns
	input.context.environment in config.break_glass.environments
}

glass := input.action.break_glass if input.action.break_glass != null

has_break_glass_role if {
	some role in input.actor.roles
	role in config.break_glass.roles
}

has_break_glass_cause if {
	trim_space(glass.reason) != ""
	trim_space(glass.incident_id) != ""
}

has_glass_time if glass_remaining_ns > 0

glass_remaining_ns := time.parse_rfc3339_ns(glass.expires_at) - now_ns

longest_glass_ns := config.break_glass.max_ms * 1000000
