using Berth.Dockerfile.Instructions;
using Berth.Dockerfile.Parsing;

namespace Berth.Dockerfile.Expansion;

/// <summary>
/// The variables of one stage at one place: ENV of the image and the stage, and the ARGs declared so far, of which an ENV of the same name always hides one. A stage that begins
/// with another has that one's variables. Expand an instruction, then Apply it.
/// </summary>
public sealed class StageScope
{
    private readonly GlobalScope _global;
    private readonly VariableSet _environment;
    private readonly VariableSet _arguments;
    private readonly HashSet<string> _declared;

    /// <summary>A stage that begins with an image, or with nothing.</summary>
    public StageScope(GlobalScope global, IReadOnlyDictionary<string, string> imageEnvironment)
    {
        _global = global;
        _environment = new VariableSet(global.Budget.Limits, imageEnvironment);
        _arguments = new VariableSet(global.Budget.Limits, []);
        _declared = new HashSet<string>(StringComparer.Ordinal);
    }

    /// <summary>A stage that begins with what another one has become.</summary>
    public StageScope(StageScope parent)
    {
        _global = parent._global;
        _environment = new VariableSet(_global.Budget.Limits, parent._environment.Values);
        _arguments = new VariableSet(_global.Budget.Limits, parent._arguments.Values);
        _declared = new HashSet<string>(parent._declared, StringComparer.Ordinal);
    }

    /// <summary>The variables that the image keeps.</summary>
    public IReadOnlyDictionary<string, string> Environment => _environment.Values;

    /// <summary>The names that ARG has declared, with or without a value.</summary>
    public IReadOnlySet<string> Declared => _declared;

    /// <summary>The variables that a RUN's process gets: ENV, then ARG, then the proxies of the build's arguments.</summary>
    public IReadOnlyDictionary<string, string> RunEnvironment
    {
        get
        {
            var all = new Dictionary<string, string>(_arguments.Values, StringComparer.Ordinal);
            foreach ((string name, string value) in _environment.Values)
            {
                all[name] = value;
            }

            foreach (string name in GlobalScope.ProxyNames)
            {
                if (_global.Inputs.Arguments.TryGetValue(name, out string? value))
                {
                    all.TryAdd(name, value);
                }
            }

            return all;
        }
    }

    /// <summary>The instruction with the variables in, for those that have them; RUN, CMD, ENTRYPOINT and others come back as they are but for RUN's mounts.</summary>
    /// <exception cref="DockerfileException">A variable cannot be put in, or what comes out is no value of the instruction.</exception>
    public Instruction Expand(Instruction instruction) => Expand(instruction, out _);

    /// <summary>As <see cref="Expand(Instruction)"/>, and tells which variables were used without being set.</summary>
    public Instruction Expand(Instruction instruction, out IReadOnlySet<string> undefined) =>
        new InstructionExpander(new WordExpander(_global.File.Syntax.Escape, Get, _global.Budget), _global.Budget.Limits).Expand(instruction, out undefined);

    /// <summary>Sets what an expanded ARG or ENV sets; others set nothing.</summary>
    /// <exception cref="DockerfileException">The variables are too much together.</exception>
    public void Apply(Instruction expanded)
    {
        switch (expanded)
        {
            case ArgInstruction arg:
                foreach (ArgDefinition definition in arg.Args)
                {
                    Declare(definition, arg.Range);
                }

                break;
            case EnvInstruction env:
                foreach (KeyValue variable in env.Variables)
                {
                    _environment.Set(variable.Name, variable.Value, env.Range);
                }

                break;
        }
    }

    // The build's argument wins, then the default written here, then the value of the global ARG of that name.
    private void Declare(ArgDefinition arg, SourceRange range)
    {
        _declared.Add(arg.Name);
        string? value = _global.Inputs.Arguments.GetValueOrDefault(arg.Name) ?? arg.Default ?? _global.Values.GetValueOrDefault(arg.Name);
        if (value is not null)
        {
            _arguments.Set(arg.Name, value, range);
        }
    }

    private string? Get(string name) => _environment.Get(name) ?? _arguments.Get(name);
}
