# Skipping.
#
# A person declares a step of a run done that has not run, or waives a check. The question is that of the plan's
# dispatch under the name `skip`, with what is skipped in `action.input.skip`; all other rules hold as well.
package policy.assistant.v1

deny contains {"rule": "skip_human", "message": "Only a person may skip a step or a check of a run"} if {
	is_skip
	input.actor.kind != "human"
}

deny contains {"rule": "skip_role", "message": $"{input.actor.id} has no role that may skip a step or a check"} if {
	is_skip
	not has_skip_role
}

is_skip if {
	input.action.tool == "plan"
	input.action.name == "skip"
}

has_skip_role if {
	some role in input.actor.roles
	role in config.skip.roles
}
