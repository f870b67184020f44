namespace Berth.Network.Diagnosis;

/// <summary>Something that the owner of a host should know.</summary>
/// <param name="IsProblem">Whether packets that should pass do not; else it may surprise.</param>
/// <param name="Text">What it is, and which networks it concerns.</param>
/// <param name="Advice">What to do; empty: nothing.</param>
public sealed record Finding(bool IsProblem, string Text, string Advice);

/// <summary>A network as findings name it, and what is planned for it.</summary>
public sealed record NamedPlan(string Name, Drivers.NetworkPlan Plan);
