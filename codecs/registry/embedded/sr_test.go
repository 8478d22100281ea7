package embedded_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/gokavro/gokavro/codecs/registry/embedded"
)

func franz(t *testing.T) *sr.Client {
	t.Helper()
	_, url := server(t, embedded.Config{})
	client, err := sr.NewClient(sr.URLs(url))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// same compares an answer of franz-go's client.
func same[T any](t *testing.T, call string, got T, err error, want T) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", call, err)
		return
	}
	if diff := cmp.Diff(got, want, cmpopts.EquateEmpty(), cmpopts.EquateErrors(), cmpopts.IgnoreFields(sr.SubjectSchema{}, "GUID")); diff != "" {
		t.Errorf("%s (-got +want):\n%s", call, diff)
	}
}

func coded(t *testing.T, call string, err error, want *sr.Error) {
	t.Helper()
	var answer *sr.ResponseError
	if !errors.As(err, &answer) || answer.SchemaError() != want {
		t.Errorf("%s: got %v, want %v", call, err, want)
	}
}

func TestFranzGoRegistersAndReads(t *testing.T) {
	t.Parallel()
	client, ctx := franz(t), t.Context()
	v1 := sr.SubjectSchema{Subject: "a/b", Version: 1, ID: 1, Schema: sr.Schema{Schema: userV1}}
	v2 := sr.SubjectSchema{Subject: "a/b", Version: 2, ID: 2, Schema: sr.Schema{Schema: userV2}}

	created, err := client.CreateSchema(ctx, "a/b", v1.Schema)
	same(t, "CreateSchema", created, err, v1)
	id, err := client.RegisterSchema(ctx, "a/b", v2.Schema, -1, -1)
	same(t, "RegisterSchema", id, err, 2)
	id, err = client.RegisterSchema(ctx, "a/b", v2.Schema, 2, 2)
	same(t, "RegisterSchema with what it has", id, err, 2)
	_, err = client.RegisterSchema(ctx, "a/b", sr.Schema{Schema: userNoAge}, 7, 3)
	coded(t, "RegisterSchema with a chosen id", err, sr.ErrOperationNotPermitted)
	_, err = client.CreateSchema(ctx, "a/b", sr.Schema{Schema: userText})
	coded(t, "CreateSchema that is incompatible", err, sr.ErrIncompatibleSchema)

	found, err := client.LookupSchema(ctx, "a/b", sr.Schema{Schema: userSpaced})
	same(t, "LookupSchema", found, err, v1)
	subjects, err := client.Subjects(ctx)
	same(t, "Subjects", subjects, err, []string{"a/b"})
	versions, err := client.SubjectVersions(ctx, "a/b")
	same(t, "SubjectVersions", versions, err, []int{1, 2})
	found, err = client.SchemaByVersion(ctx, "a/b", -1)
	same(t, "SchemaByVersion", found, err, v2)
	text, err := client.SchemaTextByVersion(ctx, "a/b", 1)
	same(t, "SchemaTextByVersion", text, err, userV1)
	all, err := client.Schemas(ctx, "a/b")
	same(t, "Schemas", all, err, []sr.SubjectSchema{v1, v2})
	all, err = client.AllSchemas(ctx)
	same(t, "AllSchemas", all, err, []sr.SubjectSchema{v1, v2})

	byID, err := client.SchemaByID(ctx, 1)
	same(t, "SchemaByID", byID, err, v1.Schema)
	text, err = client.SchemaTextByID(ctx, 2)
	same(t, "SchemaTextByID", text, err, userV2)
	subjects, err = client.SubjectsByID(ctx, 1)
	same(t, "SubjectsByID", subjects, err, []string{"a/b"})
	uses, err := client.SchemaVersionsByID(ctx, 2)
	same(t, "SchemaVersionsByID", uses, err, []sr.SubjectVersion{{Subject: "a/b", Version: 2}})
	all, err = client.SchemaUsagesByID(ctx, 2)
	same(t, "SchemaUsagesByID", all, err, []sr.SubjectSchema{v2})
	types, err := client.SupportedTypes(ctx)
	same(t, "SupportedTypes", types, err, []sr.SchemaType{sr.TypeAvro})
	contexts, err := client.Contexts(ctx)
	same(t, "Contexts", contexts, err, []string{"."})
}

func TestFranzGoFollowsReferences(t *testing.T) {
	t.Parallel()
	client, ctx := franz(t), t.Context()
	if _, err := client.CreateSchema(ctx, "user", sr.Schema{Schema: userV1}); err != nil {
		t.Fatal(err)
	}
	group := sr.Schema{
		Schema:     `{"type":"array","items":"example.User"}`,
		References: []sr.SchemaReference{{Name: "example.User", Subject: "user", Version: 1}},
	}
	created, err := client.CreateSchema(ctx, "group", group)
	same(t, "CreateSchema", created, err, sr.SubjectSchema{Subject: "group", Version: 1, ID: 2, Schema: group})
	uses, err := client.SchemaReferences(ctx, "user", -1)
	same(t, "SchemaReferences", uses, err, []sr.SubjectSchema{created})
}

func TestFranzGoDeletes(t *testing.T) {
	t.Parallel()
	client, ctx := franz(t), t.Context()
	for _, text := range []string{userV1, userV2} {
		if _, err := client.CreateSchema(ctx, "s", sr.Schema{Schema: text}); err != nil {
			t.Fatal(err)
		}
	}
	coded(t, "DeleteSchema at once", client.DeleteSchema(ctx, "s", 1, sr.HardDelete), sr.ErrSchemaVersionNotSoftDeleted)
	same(t, "DeleteSchema", 0, client.DeleteSchema(ctx, "s", 1, sr.SoftDelete), 0)
	same(t, "DeleteSchema for ever", 0, client.DeleteSchema(ctx, "s", 1, sr.HardDelete), 0)
	_, err := client.DeleteSubject(ctx, "s", sr.HardDelete)
	coded(t, "DeleteSubject at once", err, sr.ErrSubjectNotSoftDeleted)
	gone, err := client.DeleteSubject(ctx, "s", sr.SoftDelete)
	same(t, "DeleteSubject", gone, err, []int{2})
	subjects, err := client.Subjects(sr.WithParams(ctx, sr.ShowDeleted))
	same(t, "Subjects with deleted", subjects, err, []string{"s"})
	gone, err = client.DeleteSubject(ctx, "s", sr.HardDelete)
	same(t, "DeleteSubject for ever", gone, err, []int{2})
	_, err = client.SchemaByID(ctx, 2)
	coded(t, "SchemaByID", err, sr.ErrSchemaNotFound)
}

func TestFranzGoSetsLevelsAndModes(t *testing.T) {
	t.Parallel()
	client, ctx := franz(t), t.Context()
	full := sr.SetCompatibility{Level: sr.CompatFull}
	set := client.SetCompatibility(ctx, full, sr.GlobalSubject, "s")
	same(t, "SetCompatibility", levels(set), nil, []sr.CompatibilityLevel{sr.CompatFull, sr.CompatFull})
	set = client.Compatibility(ctx, sr.GlobalSubject, "s")
	same(t, "Compatibility", levels(set), nil, []sr.CompatibilityLevel{sr.CompatFull, sr.CompatFull})
	set = client.ResetCompatibility(ctx, sr.GlobalSubject, "s")
	same(t, "ResetCompatibility", levels(set), nil, []sr.CompatibilityLevel{sr.CompatFull, sr.CompatFull})
	set = client.Compatibility(sr.WithParams(ctx, sr.DefaultToGlobal), "s")
	same(t, "Compatibility after", levels(set), nil, []sr.CompatibilityLevel{sr.CompatBackward})
	coded(t, "Compatibility of a subject", client.Compatibility(ctx, "s")[0].Err, sr.ErrSubjectLevelCompatibilityNotConfigured)

	readOnly := []sr.ModeResult{{Subject: "s", Mode: sr.ModeReadOnly}}
	same(t, "SetMode", client.SetMode(ctx, sr.ModeReadOnly, "s"), nil, readOnly)
	same(t, "Mode", client.Mode(ctx, "s"), nil, readOnly)
	same(t, "ResetMode", client.ResetMode(ctx, "s"), nil, readOnly)
	same(t, "Mode of all", client.Mode(ctx), nil, []sr.ModeResult{{Mode: sr.ModeReadWrite}})
	coded(t, "SetMode IMPORT", client.SetMode(ctx, sr.ModeImport)[0].Err, sr.ErrInvalidMode)
}

func levels(results []sr.CompatibilityResult) []sr.CompatibilityLevel {
	var out []sr.CompatibilityLevel
	for _, r := range results {
		out = append(out, r.Level)
	}
	return out
}

func TestFranzGoChecksCompatibility(t *testing.T) {
	t.Parallel()
	client := franz(t)
	ctx := sr.WithParams(t.Context(), sr.Verbose)
	if _, err := client.CreateSchema(ctx, "s", sr.Schema{Schema: userV1}); err != nil {
		t.Fatal(err)
	}
	for _, version := range []int{1, -1, -2} {
		result, err := client.CheckCompatibility(ctx, "s", version, sr.Schema{Schema: userV2})
		same(t, "CheckCompatibility", result, err, sr.CheckCompatibilityResult{Is: true})
		result, err = client.CheckCompatibility(ctx, "s", version, sr.Schema{Schema: userText})
		if err != nil || result.Is || len(result.Messages) != 1 {
			t.Errorf("version %d: got %+v %v, want one reason", version, result, err)
		}
	}
	_, err := client.CheckCompatibility(ctx, "s", 9, sr.Schema{Schema: userV2})
	coded(t, "CheckCompatibility with a missing version", err, sr.ErrVersionNotFound)
}
