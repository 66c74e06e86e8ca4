# Tools.
# Only tools of the catalogue, only catalogued writes, and only the effects those declare.
package policy.assistant.v1

deny contains {"rule": "unreadable_calls", "message": "The plan does not list its calls"} if not calls_readable

deny contains {"rule": "unknown_tool", "message": $"The tool {call.tool} is not in the catalogue"} if {
	some call in calls
	not config.catalogue[call.tool]
}

deny contains {
	"rule": "unknown_write",
	"message": $"The write {call.tool}.{call.action} is not in the catalogue",
} if {
	some call in calls
	call.kind == "write"
	config.catalogue[call.tool]
	not config.catalogue[call.tool].writes[call.action]
}

deny contains {
	"rule": "write_as_read",
	"message": $"{call.tool}.{call.action} is a write but was asked as a read",
} if {
	some call in calls
	call.kind == "read"
	config.catalogue[call.tool].writes[call.action]
}

deny contains {"rule": "write_as_read", "message": "A plan with write steps was asked as a read"} if {
	input.action.kind == "read"
	some call in calls
	call.kind == "write"
}

deny contains {
	"rule": "write_steps_differ",
	"message": $"The plan lists {listed} write calls but counts {input.resources.write_steps} write steps",
} if {
	input.action.tool == "plan"
	listed := count([call | some call in calls; call.kind == "write"; not call.undo])
	listed != input.resources.write_steps
}

deny contains {
	"rule": "unexpected_effect",
	"message": $"The effect {effect.kind} on {effect.target} belongs to none of the writes",
} if {
	some effect in changes
	not effect.kind in declared_effects
}

calls_readable if {
	count(calls) > 0
	every call in calls {
		is_string(call.tool)
		is_string(call.action)
		call.kind in {"read", "write"}
	}
}

declared_effects := {kind |
	some call in calls
	call.kind == "write"
	some kind in config.catalogue[call.tool].writes[call.action]
}
