package conf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"rampart/conf/schema"
	"rampart/conf/tree"
	"rampart/model"
)

// Fields that the API servers of Kubernetes and Calico add to what was written. They say nothing about policy.
var (
	serverMetadata = []string{
		"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "generateName",
		"managedFields", "ownerReferences", "finalizers", "selfLink",
	}
	// unmodelled are further fields, per kind, that exist and are not used here.
	unmodelled = map[model.Kind][]string{
		model.KindNamespace:      {"spec"},
		model.KindServiceAccount: {"secrets", "imagePullSecrets", "automountServiceAccountToken"},
	}
)

// unusedKinds are kinds of Calico and Kubernetes that people have beside policies and that Rampart does not use.
var unusedKinds = []string{
	"IPPool", "IPReservation", "IPAMConfiguration", "IPAMBlock", "IPAMHandle", "BlockAffinity", "BGPPeer", "BGPConfiguration", "BGPFilter",
	"FelixConfiguration", "KubeControllersConfiguration", "ClusterInformation", "CalicoNodeStatus", "Node", "AdminNetworkPolicy",
	"BaselineAdminNetworkPolicy", "ClusterNetworkPolicy", "Installation", "APIServer", "Pod", "Deployment", "DaemonSet", "StatefulSet",
	"ReplicaSet", "Service", "Endpoints", "EndpointSlice", "ConfigMap", "Secret", "Ingress", "CustomResourceDefinition",
}

// manifests decodes the resources of one document: a manifest, or a list of them.
func (d *fileDecoder) manifests(n *tree.Node, inherited *model.Kind) {
	if n.Kind != tree.Map {
		d.fail(head(n), "Not a resource", "A resource is a map with apiVersion, kind, metadata and spec, not %s.", n.Describe())
		return
	}
	kind, okKind := d.header(n, "kind")
	version, okVersion := d.header(n, "apiVersion")
	if !okKind || !okVersion {
		return
	}
	if kind == nil && version == nil && inherited != nil {
		d.manifest(n, *inherited)
		return
	}
	if kind == nil && version == nil && len(n.Fields) > 0 && d.daemonSetting(n.File, n.Fields[0]) {
		return
	}
	switch {
	case kind == nil:
		d.fail(head(n), "Missing field", "\"kind\" is required: it says what this is, for example NetworkPolicy.")
		return
	case version == nil:
		d.fail(head(n), "Missing field", "\"apiVersion\" is required.%s", expectVersion(kind.Text))
		return
	}
	if item, ok := strings.CutSuffix(kind.Text, "List"); ok {
		d.list(n, item, version, kind)
		return
	}
	k, ok := model.KindOf(version.Text, kind.Text)
	if !ok {
		d.unknownKind(version, kind)
		return
	}
	d.manifest(n, k)
}

// header reads apiVersion or kind; nil when absent, ok is false when it is not a string.
func (d *fileDecoder) header(n *tree.Node, name string) (v *tree.Node, ok bool) {
	f := n.Field(name)
	if f == nil || f.Value.Kind == tree.Null {
		return nil, true
	}
	if f.Value.Kind != tree.String {
		d.fail(f.Value.Range(), "Wrong type", "%q must be a string, not %s.", name, f.Value.Describe())
		return nil, false
	}
	return f.Value, true
}

// list decodes the items of a List or of a typed list such as NetworkPolicyList, whose items need not repeat the kind.
func (d *fileDecoder) list(n *tree.Node, item string, version, kind *tree.Node) {
	var inherited *model.Kind
	if item != "" {
		k, ok := model.KindOf(version.Text, item)
		if !ok {
			d.unknownKind(version, kind)
			return
		}
		inherited = &k
	}
	for _, f := range n.Fields {
		switch f.Name {
		case "apiVersion", "kind", "metadata":
		case "items":
			if f.Value.Kind == tree.Null {
				continue
			}
			if f.Value.Kind != tree.List {
				d.fail(head(f.Value), "Wrong type", "\"items\" must be a list, not %s.", f.Value.Describe())
				continue
			}
			for _, item := range f.Value.Items {
				d.manifests(item, inherited)
			}
		default:
			d.fail(n.File.Range(f.Start, f.End), "Unknown field", "%q is not a field of a %s. Its fields are apiVersion, kind, metadata, items.",
				f.Name, kind.Text)
		}
	}
}

// manifest decodes one resource of a known kind.
func (d *fileDecoder) manifest(n *tree.Node, k model.Kind) {
	body := &tree.Node{File: n.File, Kind: tree.Map, Start: n.Start, End: n.End}
	for _, f := range n.Fields {
		switch {
		case f.Name == "apiVersion", f.Name == "kind", f.Name == "status", slices.Contains(unmodelled[k], f.Name):
			continue
		case f.Name == "metadata" && f.Value.Kind == tree.Map:
			f.Value = d.userMetadata(f.Value)
		case f.Name == "spec" && k == model.KindWorkloadEndpoint && f.Value.Kind == tree.Map:
			f.Value = d.withoutQoS(f.Value)
		}
		body.Fields = append(body.Fields, f)
	}
	d.resource(body, k, string(k))
}

// userMetadata is the metadata without what a server added.
func (d *fileDecoder) userMetadata(n *tree.Node) *tree.Node {
	c := *n
	c.Fields = slices.DeleteFunc(slices.Clone(n.Fields), func(f tree.Field) bool { return slices.Contains(serverMetadata, f.Name) })
	return &c
}

// withoutQoS leaves out a part of Calico's workload endpoints that is no policy, and says so.
func (d *fileDecoder) withoutQoS(n *tree.Node) *tree.Node {
	f := n.Field("qosControls")
	if f == nil {
		return n
	}
	d.warn(n.File.Range(f.Start, f.End), "Not enforced", "\"qosControls\" is accepted and has no effect.")
	c := *n
	c.Fields = slices.DeleteFunc(slices.Clone(n.Fields), func(f tree.Field) bool { return f.Name == "qosControls" })
	return &c
}

// unknownKind says why an apiVersion and kind are not accepted: a typo, a wrong group, or something Rampart has no use for.
func (d *fileDecoder) unknownKind(version, kind *tree.Node) {
	name := strings.TrimSuffix(kind.Text, "List")
	var versions, names []string
	for _, k := range model.Kinds() {
		if k == model.KindKubernetesNetworkPolicy && name == string(k) {
			d.fail(kind.Range(), "Unknown kind", "A Kubernetes network policy has apiVersion: %s and kind: NetworkPolicy.", k.APIVersion())
			return
		}
		if k.ManifestKind() == name {
			versions = append(versions, k.APIVersion())
		}
		names = append(names, k.ManifestKind())
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case len(versions) > 0:
		d.fail(version.Range(), "Unknown apiVersion", "A %s has apiVersion %s, not %s.", name, strings.Join(versions, " or "), tree.Quote(version.Text))
	case slices.Contains(unusedKinds, name):
		d.fail(kind.Range(), "Unsupported kind", "Rampart does not use the kind %s. The kinds it reads are %s.", name, strings.Join(names, ", "))
	case schema.Suggest(name, names) != "":
		d.fail(kind.Range(), "Unknown kind", "There is no kind %s. Did you mean %q?", tree.Quote(kind.Text), schema.Suggest(name, names))
	default:
		d.fail(kind.Range(), "Unknown kind", "There is no kind %s. The kinds Rampart reads are %s.", tree.Quote(kind.Text), strings.Join(names, ", "))
	}
}

// expectVersion names the apiVersion of a kind, when it has one.
func expectVersion(kind string) string {
	var versions []string
	for _, k := range model.Kinds() {
		if k.ManifestKind() == kind {
			versions = append(versions, k.APIVersion())
		}
	}
	if versions == nil {
		return ""
	}
	return fmt.Sprintf(" A %s has %s.", kind, strings.Join(versions, " or "))
}

// head is the first line of a value.
func head(n *tree.Node) hcl.Range {
	return n.File.Range(n.Start, min(n.End, n.File.LineEnd(n.Start)))
}
