package model

import (
	"maps"
	"slices"
	"strings"
)

// maxAnnotations is the total size of all annotations of a resource in Kubernetes, in bytes.
const maxAnnotations = 256 << 10

func (f *findings) metadata(k Kind, m *Metadata) {
	most := maxName
	if k == KindTier {
		most = maxTierName
	}
	f.name("metadata.name", m.Name, most)
	switch k {
	case KindTier:
		if strings.Contains(m.Name, ".") {
			f.errorf("metadata.name", "%s", msgDNSLabel)
		}
	case KindGlobalNetworkPolicy, KindStagedGlobalNetworkPolicy:
		f.policyName(m.Name)
	case KindNetworkPolicy, KindStagedNetworkPolicy:
		if !strings.HasPrefix(m.Name, "knp.default.") {
			f.policyName(m.Name)
		}
	}
	f.namespace(k, m.Namespace)
	f.labels("metadata.labels", m.Labels)
	f.reservedLabels(k, m)
	f.annotations("metadata.annotations", m.Annotations)
}

// name accepts what the specification accepts and warns of what Calico refuses.
func (f *findings) name(path, name string, most int) {
	switch {
	case name == "":
		f.errorf(path, "name must be specified")
	case !isQualifiedPart(name):
		f.errorf(path, "name must consist of alphanumeric characters, '-', '_' or '.', and start and end with an alphanumeric character")
	case !isSubdomain(name):
		f.warnf(path, "Calico would refuse this name: %s", msgSubdomain)
	}
	if len(name) > most {
		f.errorf(path, "name is too long by %d bytes", len(name)-most)
	}
}

// policyName warns of dots: in Calico a policy's name holds none but the one after the tier.
func (f *findings) policyName(name string) {
	if _, rest, ok := strings.Cut(name, "."); ok && strings.Contains(rest, ".") {
		f.warnf("metadata.name", "Calico would refuse this name: %s", msgDNSLabel)
	}
}

func (f *findings) namespace(k Kind, namespace string) {
	switch {
	case namespace == "":
	case !k.Namespaced():
		f.errorf("metadata.namespace", "namespace should not be specified for a non-namespaced resource. %s is not a namespaced resource", k)
	case !isDNSLabel(namespace) || len(namespace) > maxQualifiedPart:
		f.warnf("metadata.namespace", "Kubernetes would refuse this namespace: it is not a DNS label")
	}
}

func (f *findings) labels(path string, labels map[string]string) {
	for _, k := range sortedKeys(labels, func(k, v string) bool { return qualifiedName(k) != "" || labelValue(v) != "" }) {
		at := path + "[" + k + "]"
		if msg := qualifiedName(k); msg != "" {
			f.errorf(at, "label name: %s", msg)
		}
		if msg := labelValue(labels[k]); msg != "" {
			f.errorf(at, "label value: %s", msg)
		}
	}
}

// reservedLabels are those that say where a resource is, which no label may forge.
func (f *findings) reservedLabels(k Kind, m *Metadata) {
	const at = "metadata.labels"
	if ns, ok := m.Labels[LabelNamespace]; ok {
		path := at + "[" + LabelNamespace + "]"
		switch k {
		case KindNetworkSet, KindGlobalNetworkSet:
			f.errorf(path, "%s is not a valid label name", LabelNamespace)
		case KindHostEndpoint:
			f.warnf(path, "the label is ignored: host endpoints have no namespace")
		case KindWorkloadEndpoint:
			if ns != m.Namespace {
				f.warnf(path, "the label is ignored: the namespace is %q", m.Namespace)
			}
		}
	}
	if k != KindWorkloadEndpoint {
		return
	}
	pretends := func(name, _ string) bool {
		return strings.HasPrefix(name, PrefixNamespaceLabel) || strings.HasPrefix(name, PrefixServiceAccountLabel)
	}
	for _, name := range sortedKeys(m.Labels, pretends) {
		f.warnf(at+"["+name+"]", "the label is ignored: it would pretend to be a label of the namespace or service account")
	}
}

// sortedKeys are the names of the labels that something is wrong with, in order; mostly there are none.
func sortedKeys(labels map[string]string, wrong func(name, value string) bool) (names []string) {
	for k, v := range labels {
		if wrong(k, v) {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	return names
}

func (f *findings) annotations(path string, annotations map[string]string) {
	size := 0
	for _, k := range slices.Sorted(maps.Keys(annotations)) {
		size += len(k) + len(annotations[k])
		if msg := qualifiedName(strings.ToLower(k)); msg != "" {
			f.errorf(path+"["+k+"]", "annotation name: %s", msg)
		}
	}
	if size > maxAnnotations {
		f.errorf(path, "annotations must be no more than %d bytes altogether", maxAnnotations)
	}
}
