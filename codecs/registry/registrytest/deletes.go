package registrytest

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
)

func checkSoftDelete(t *testing.T, b *bench) {
	subject := b.subject("value")
	first := b.register(t, subject, b.record("A", fieldID))
	second := b.register(t, subject, b.record("A", fieldID, fieldAgeZero))
	if err := b.admin.DeleteSchema(t.Context(), subject, 1, sr.SoftDelete); err != nil {
		t.Fatal(err)
	}
	live, err := b.client.Versions(t.Context(), subject, false)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "versions that are left", live, []int{2})
	all, err := b.client.Versions(t.Context(), subject, true)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "versions that data may need", all, []int{1, 2})
	old, err := b.client.Version(t.Context(), subject, 1)
	if err != nil || old.ID != first.ID {
		t.Errorf("the deleted version: got %+v and %v, want id %d", old, err, first.ID)
	}
	byID, err := b.client.ByID(t.Context(), first.ID)
	if err != nil || byID.Text != first.Text {
		t.Errorf("the deleted version by its id: got %+v and %v", byID, err)
	}
	latest, err := b.client.Latest(t.Context(), subject)
	if err != nil || latest.ID != second.ID {
		t.Errorf("the latest: got %+v and %v, want id %d", latest, err, second.ID)
	}
}

func checkHardDelete(t *testing.T, b *bench) {
	subject := b.subject("value")
	b.register(t, subject, b.record("A", fieldID))
	_, err := b.admin.DeleteSubject(t.Context(), subject, sr.HardDelete)
	coded(t, "deleting for good at once", err, sr.ErrSubjectNotSoftDeleted)
	for _, how := range []sr.DeleteHow{sr.SoftDelete, sr.HardDelete} {
		if _, err := b.admin.DeleteSubject(t.Context(), subject, how); err != nil {
			t.Fatal(err)
		}
	}
	subjects, err := b.admin.Subjects(sr.WithParams(t.Context(), sr.ShowDeleted))
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(subjects, subject) {
		t.Errorf("%s is still there", subject)
	}
	_, err = b.admin.DeleteSubject(t.Context(), subject, sr.SoftDelete)
	coded(t, "deleting what is gone", err, sr.ErrSubjectNotFound)
}
