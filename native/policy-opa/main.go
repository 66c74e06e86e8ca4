// Command policy-opa is OPA as a WebAssembly reactor. The host writes a JSON request into memory from alloc,
// passes it to call and reads the JSON response at the returned address. Each call stands alone: no state is
// kept between two, so a host may drop the instance after any answer.
package main

import (
	"encoding/json"
	"fmt"
	"unsafe"
)

// The host writes into request and reads from response; both must stay reachable between its calls.
var request, response []byte

//go:wasmexport alloc
func alloc(size uint32) uint32 {
	request = make([]byte, max(size, 1))
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(request))))
}

// call answers the first size bytes of request; the result is the response's address << 32 | its length.
//
//go:wasmexport call
func call(size uint32) uint64 {
	response = answer(request[:size])
	request = nil
	address := uint64(uintptr(unsafe.Pointer(unsafe.SliceData(response))))
	return address<<32 | uint64(len(response))
}

func answer(raw []byte) (encoded []byte) {
	defer func() {
		if cause := recover(); cause != nil {
			encoded = encode(Response{Errors: []Fault{{Code: "internal", Message: fmt.Sprint(cause)}}})
		}
	}()
	var asked Request
	if err := json.Unmarshal(raw, &asked); err != nil {
		return encode(Response{Errors: []Fault{{Code: "invalid_request", Message: err.Error()}}})
	}
	return encode(serve(asked))
}

func encode(answered Response) []byte {
	encoded, err := json.Marshal(answered)
	if err != nil {
		encoded, _ = json.Marshal(Response{Errors: []Fault{{Code: "internal", Message: err.Error()}}})
	}
	return encoded
}

func main() {}
