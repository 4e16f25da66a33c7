package xsk_test

import (
	"fmt"

	"rampart/xdp/xsk"
)

// Before anything is bound all frames are the caller's.
func ExampleAllFrames() {
	frames := xsk.AllFrames(xsk.Config{Frames: 2, FrameSize: 2048})
	fmt.Println(frames[0].Addr, frames[1].Addr, frames[1].Len)
	_, err := xsk.Open(xsk.Config{FrameSize: 1500})
	fmt.Println(err)
	// Output:
	// 0 2048 2048
	// AF_XDP configuration: frame size 1500 is neither 2048 nor 4096
}
