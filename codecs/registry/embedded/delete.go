package embedded

import "slices"

// deleteSubject deletes all versions of name and returns their numbers. A
// permanent delete needs a soft one before it.
func (st *state) deleteSubject(name string, permanent bool) ([]int, *apiError) {
	if err := st.writable(name); err != nil {
		return nil, err
	}
	all := st.versions(name, which{deleted: true})
	live := st.versions(name, which{})
	switch {
	case len(all) == 0:
		return nil, errSubject(name)
	case permanent && len(live) > 0:
		return nil, notFound(codeSubjectNotSoftDeleted, "Subject '%s' was not deleted first before being permanently deleted", name)
	case !permanent && len(live) == 0:
		return nil, notFound(codeSubjectSoftDeleted, "Subject '%s' was soft deleted. Set permanent=true to delete permanently", name)
	}
	doomed := live
	if permanent {
		doomed = all
	}
	numbers := make([]int, 0, len(doomed))
	for _, v := range doomed {
		if err := st.unreferenced(name, v.Number, permanent, name); err != nil {
			return nil, err
		}
		numbers = append(numbers, v.Number)
	}
	st.remove(name, numbers, permanent)
	return numbers, nil
}

// deleteVersion deletes one version.
func (st *state) deleteVersion(name string, number int, permanent bool) (int, *apiError) {
	if err := st.writable(name); err != nil {
		return 0, err
	}
	w := which{deleted: number != latest || permanent}
	v, err := st.find(name, number, w)
	switch {
	case err != nil:
		return 0, err
	case permanent && !v.Deleted:
		return 0, notFound(codeVersionNotSoftDeleted, "Subject '%s' Version %d was not deleted first before being permanently deleted", name, v.Number)
	case !permanent && v.Deleted:
		return 0, notFound(codeVersionSoftDeleted, "Subject '%s' Version %d was soft deleted. Set permanent=true to delete permanently", name, v.Number)
	}
	if err := st.unreferenced(name, v.Number, permanent, ""); err != nil {
		return 0, err
	}
	st.remove(name, []int{v.Number}, permanent)
	return v.Number, nil
}

// unreferenced refuses to delete what other schemas need. Those in deleted
// versions can come back by their id, so they hold off a permanent delete too.
func (st *state) unreferenced(name string, number int, permanent bool, except string) *apiError {
	if ids := st.referrers(name, number, which{deleted: permanent}, except); len(ids) > 0 {
		return invalid(codeReferenceExists, "Subject '%s' Version %d is referenced by the schemas %v", name, number, ids)
	}
	return nil
}

func (st *state) remove(name string, numbers []int, permanent bool) {
	sub := st.subject(name)
	if !permanent {
		for i := range sub.versions {
			if slices.Contains(numbers, sub.versions[i].Number) {
				sub.versions[i].Deleted = true
			}
		}
		return
	}
	var ids []int
	sub.versions = slices.DeleteFunc(sub.versions, func(v version) bool {
		gone := slices.Contains(numbers, v.Number)
		if gone {
			ids = append(ids, v.ID)
		}
		return gone
	})
	st.sweep(name, ids...)
}
