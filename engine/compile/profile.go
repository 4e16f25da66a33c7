package compile

import (
	"rampart/engine/ir"
	"rampart/model"
)

// profile is one profile that endpoints name, whether it exists or not.
type profile struct {
	owner
	ir *ir.Profile
}

// allowAll is the built-in profile.
func allowAll() *ir.Profile {
	return &ir.Profile{
		Name:    model.ProfileAllowAll,
		Ingress: []*ir.Rule{{Action: model.Allow}},
		Egress:  []*ir.Rule{{Action: model.Allow}},
	}
}

func newProfile(name string, resource *model.Profile, serial uint64) *profile {
	p := &profile{owner: owner{serial: serial}}
	switch {
	case name == model.ProfileAllowAll:
		p.ir = allowAll()
	case resource == nil:
		p.ir = &ir.Profile{Name: name, Missing: true}
	default:
		rules := ruleCompiler{} // rules of a profile have no namespace
		p.ir = &ir.Profile{Name: name, Origin: resource.Origin}
		p.ir.Ingress = rules.compile(resource.Spec.Ingress, "ingress")
		p.ir.Egress = rules.compile(resource.Spec.Egress, "egress")
		p.sets = rules.definitions()
	}
	ir.SealProfile(p.ir)
	return p
}

// profileNamed is the present version of a profile.
func (c *Compiler) profileNamed(name string) *profile {
	p := c.profileVersions[name]
	if p == nil {
		p = newProfile(name, c.profiles[name], c.nextSerial())
		c.profileVersions[name] = p
	}
	return p
}

// forgetProfile makes the next look-up compile the profile anew.
func (c *Compiler) forgetProfile(name string) {
	if p := c.profileVersions[name]; p != nil {
		c.retire(&p.owner)
		delete(c.profileVersions, name)
	}
}
