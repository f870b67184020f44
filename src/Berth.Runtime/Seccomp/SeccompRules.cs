using System.Runtime.InteropServices;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Seccomp;

/// <summary>One way a call can match: all comparisons hold (none: always).</summary>
internal sealed record ParsedRule(uint Action, ArgumentTest[] Tests);

/// <summary>A call of a profile: its row in <see cref="SyscallTable"/> and the rule it falls under, -1 for one that repeats the default.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct RuledCall(int Row, int Rule);

/// <summary>A profile, checked, with names resolved; independent of the numbering.</summary>
internal sealed class SeccompRules
{
    private readonly List<ParsedRule> _rules = [];
    private readonly List<RuledCall> _calls = [];

    private SeccompRules(uint defaultAction) => Default = defaultAction;

    /// <summary>What happens to calls that no rule matches.</summary>
    public uint Default { get; }

    /// <summary>What happens to calls newer than every call that the profile names.</summary>
    public uint Newer => Default is SeccompAction.Allow or SeccompAction.Log || SeccompAction.Severity(Default) == SeccompAction.Severity(SeccompAction.Trace)
        ? Default
        : SeccompAction.NoSuchCall;

    public IReadOnlyList<ParsedRule> Rules => _rules;

    public IReadOnlyList<RuledCall> Calls => _calls;

    public static SeccompRules Parse(SeccompSpec spec)
    {
        var parsed = new SeccompRules(SeccompAction.Parse(spec.DefaultAction, spec.DefaultErrnoRet, "default action"));
        if (parsed.Default == SeccompAction.UserNotify)
            throw SeccompAction.Invalid("default action: SCMP_ACT_NOTIFY would stop the container's start itself; use it in rules");
        IReadOnlyList<SeccompRule> rules = spec.Syscalls ?? [];
        for (int i = 0; i < rules.Count; i++)
            parsed.Add(rules[i], i);
        return parsed;
    }

    private void Add(SeccompRule rule, int index)
    {
        string where = $"rule {index}";
        // Documents from outside can hold null where the type says otherwise.
        if (rule?.Names is not { Count: > 0 })
            throw SeccompAction.Invalid($"{where} names no system call");
        uint action = SeccompAction.Parse(rule.Action, rule.ErrnoRet, where);
        IReadOnlyList<SeccompArgument> arguments = rule.Args ?? [];
        var tests = new ArgumentTest[arguments.Count];
        bool repeated = false;
        uint seen = 0;
        for (int i = 0; i < tests.Length; i++)
        {
            tests[i] = ArgumentTest.Parse(arguments[i], where);
            repeated |= (seen & (1u << (int)tests[i].Index)) != 0;
            seen |= 1u << (int)tests[i].Index;
        }

        int first = _rules.Count;
        if (action == Default)
            first = -1;
        else if (repeated)
            _rules.AddRange(tests.Select(test => new ParsedRule(action, [test])));
        else
            _rules.Add(new ParsedRule(action, tests));
        AddCalls(rule.Names, action, first, where);
    }

    private void AddCalls(IReadOnlyList<string> names, uint action, int firstRule, string where)
    {
        for (int i = 0; i < names.Count; i++)
        {
            if (string.IsNullOrEmpty(names[i]))
                throw SeccompAction.Invalid($"{where}: name {i} is empty");
            if (action == SeccompAction.UserNotify && names[i] == "write")
                throw SeccompAction.Invalid($"{where}: SCMP_ACT_NOTIFY on write would stop the container's start itself");
            int row = SyscallTable.Find(names[i]);
            if (row < 0)
                continue;
            if (firstRule < 0)
                _calls.Add(new RuledCall(row, -1));
            for (int rule = firstRule; rule >= 0 && rule < _rules.Count; rule++)
                _calls.Add(new RuledCall(row, rule));
        }
    }
}
