// Command protogen writes the Go code of session.proto and group.proto: messages and Connect
// stubs. It compiles the proto itself and runs the two generators at the
// versions that go.mod pins, so nothing needs to be installed.
//
//	go run ./session/api/protogen DIR    # DIR gets the generated tree
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

const (
	module = "github.com/pars-network/pars"
)

// protoFiles are the paths by which the descriptors know the files, inside the module.
var protoFiles = []string{"session/api/session.proto", "session/api/group.proto"}

// plugins are the generators, in order, each with its parameter.
var plugins = []struct{ pkg, param string }{
	{"google.golang.org/protobuf/cmd/protoc-gen-go", "module=" + module},
	{"connectrpc.com/connect/cmd/protoc-gen-connect-go", "module=" + module},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: protogen DIR, from the root of the repository")
		os.Exit(2)
	}
	if err := generate(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}

func generate(ctx context.Context, dir string) error {
	compiler := protocompile.Compiler{
		Resolver:       &protocompile.SourceResolver{},
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(ctx, protoFiles...)
	if err != nil {
		return fmt.Errorf("compiling %s: %w", strings.Join(protoFiles, " and "), err)
	}
	var protos []*descriptorpb.FileDescriptorProto
	for _, f := range files {
		protos = append(protos, protoutil.ProtoFromFileDescriptor(f))
	}
	for _, p := range plugins {
		request := &pluginpb.CodeGeneratorRequest{
			FileToGenerate: protoFiles, Parameter: proto.String(p.param), ProtoFile: protos,
		}
		if err := run(ctx, p.pkg, request, dir); err != nil {
			return fmt.Errorf("%s: %w", p.pkg, err)
		}
	}
	return nil
}

// run gives request to the generator pkg and writes the files it answers below dir.
func run(ctx context.Context, pkg string, request *pluginpb.CodeGeneratorRequest, dir string) error {
	in, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", "run", pkg)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	var response pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(out.Bytes(), &response); err != nil {
		return err
	}
	if response.Error != nil {
		return errors.New(response.GetError())
	}
	for _, f := range response.File {
		path := filepath.Join(dir, filepath.FromSlash(f.GetName()))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.GetContent()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
