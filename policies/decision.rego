# How the rules are put together.
#
# Deny unless a rule allows. A deny overrides everything, then an approval, then an allow. The eight rule
# files beside this one contribute reasons to `deny`, `approval` and `allow`, and bounds to `constraint`.
package policy.assistant.v1

config := data.assistant

decision := {
	"decision": outcome,
	"reasons": reasons,
	"constraints": constraints,
	"ttl_s": config.ttl_s[outcome],
}

default outcome := "deny"

outcome := "require_approval" if {
	count(deny) == 0
	count(approval) > 0
}

outcome := "allow" if {
	count(deny) == 0
	count(approval) == 0
	count(allow) > 0
}

default reasons := [{"rule": "no_rule_allows", "message": "No rule allows this; what no rule allows is denied"}]

reasons := in_order(deny) if count(deny) > 0

reasons := in_order(approval) if outcome == "require_approval"

reasons := in_order(allow) if outcome == "allow"

in_order(found) := [{"rule": rule, "message": message} |
	some [rule, message] in sort([[each.rule, each.message] | some each in found])
]

default constraints := []

constraints := [constraint[kind] | some kind in sort([kind | some kind, _ in constraint])] if outcome != "deny"

# A whole plan is asked about by the calls of its steps, anything else by itself.
calls := input.action.input.calls if input.action.tool == "plan"

calls := [{"kind": input.action.kind, "tool": input.action.tool, "action": input.action.name}] if {
	input.action.tool != "plan"
}

is_write if input.action.kind != "read"

is_write if {
	some call in calls
	call.kind != "read"
}

# The undo of a plan that was approved together with it.
is_rollback if {
	input.action.rollback == true
	input.action.phase in {"dispatch", "effect"}
}

# A write that starts something new: what stages, windows, limits and approvals are about.
is_forward if {
	is_write
	not is_rollback
}

changes := [effect | some effect in input.resources.effects; effect.kind != "read"]

now_ns := time.parse_rfc3339_ns(input.time)
