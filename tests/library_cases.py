"""What users register with the libraries that have adapters: one cell each, and what the library then has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A cell that registers ``VERSION`` under ``NAME``, and an expression for the versions by name that stand.

    Attributes:
        registry: the name of the adapter.
        needs: the distributions.
        calls: what users call, for the table of the registries page.
        setup: a cell that imports the library, and defines what the cell needs.
        source: the cell.
        shows: the expression. It is in the library's own words, and shows no more than what cells have registered.
        stock: what stock IPython does with the cell when it is run again: "raises", "raises if edited", or "stays" if
            the former name stays beside a new one.
    """

    registry: str
    needs: str
    calls: str
    setup: str
    source: str
    shows: str
    stock: str = "stays"


def accessor(registry: str, needs: str, calls: str, imports: str, decorator: str, kind: str) -> Case:
    return Case(
        registry,
        needs,
        calls,
        imports,
        f"@{decorator}('NAME')\nclass Accessor:\n    version = VERSION\n    def __init__(self, obj): pass",
        f"{{name: getattr({kind}, name).version for name in ('one', 'two') if hasattr({kind}, name)}}",
    )


CASES = [
    Case(
        "matplotlib.colormaps",
        "matplotlib",
        "`matplotlib.colormaps.register`",
        "import matplotlib\nfrom matplotlib.colors import ListedColormap",
        "matplotlib.colormaps.register(ListedColormap(['red'] * VERSION, name='NAME'))",
        "{name: matplotlib.colormaps[name].N for name in ('one', 'two') if name in matplotlib.colormaps}",
        "raises",
    ),
    Case(
        "matplotlib.scales",
        "matplotlib",
        "`matplotlib.scale.register_scale`",
        "import matplotlib.scale",
        "class Scale(matplotlib.scale.LinearScale):\n    name, version = 'NAME', VERSION\nmatplotlib.scale.register_scale(Scale)",
        "{name: matplotlib.scale._scale_mapping[name].version for name in ('one', 'two') if name in matplotlib.scale.get_scale_names()}",
    ),
    Case(
        "matplotlib.projections",
        "matplotlib",
        "`matplotlib.projections.register_projection`",
        "import matplotlib.axes, matplotlib.projections",
        "class Axes(matplotlib.axes.Axes):\n    name, version = 'NAME', VERSION\nmatplotlib.projections.register_projection(Axes)",
        "{name: matplotlib.projections.get_projection_class(name).version for name in matplotlib.projections.get_projection_names() if name in ('one', 'two')}",
    ),
    accessor(
        "pandas.accessors",
        "pandas",
        "`pandas.api.extensions.register_dataframe_accessor`, `…series…`, `…index…`",
        "import pandas",
        "pandas.api.extensions.register_dataframe_accessor",
        "pandas.DataFrame",
    ),
    accessor(
        "xarray.accessors",
        "xarray",
        "`xarray.register_dataset_accessor`, `…dataarray…`, `…datatree…`",
        "import xarray",
        "xarray.register_dataset_accessor",
        "xarray.Dataset",
    ),
    accessor(
        "polars.namespaces",
        "polars",
        "`polars.api.register_dataframe_namespace`, `…lazyframe…`, `…series…`, `…expr…`",
        "import polars",
        "polars.api.register_dataframe_namespace",
        "polars.DataFrame",
    ),
    Case(
        "gymnasium.envs",
        "gymnasium",
        "`gymnasium.register`",
        "import gymnasium",
        "class Env(gymnasium.Env): pass\ngymnasium.register('NAME-v0', Env, max_episode_steps=VERSION)",
        "{name: gymnasium.spec(f'{name}-v0').max_episode_steps for name in ('one', 'two') if f'{name}-v0' in gymnasium.registry}",
    ),
    Case(
        "fvcore.registries",
        "fvcore",
        "`Registry.register`, also of detectron2's registries",
        "from fvcore.common.registry import Registry\nBACKBONES = Registry('BACKBONES')",
        "@BACKBONES.register()\nclass NAME:\n    version = VERSION",
        "{name: kind.version for name, kind in BACKBONES}",
        "raises",
    ),
    Case(
        "mmengine.registries",
        "mmengine",
        "`Registry.register_module`",
        "from mmengine.registry import Registry\nMODELS = Registry('mine')",
        "@MODELS.register_module()\nclass NAME:\n    version = VERSION",
        "{name: kind.version for name, kind in MODELS.module_dict.items()}",
        "raises",
    ),
    Case(
        "prometheus_client.metrics",
        "prometheus_client",
        "`Counter`, `Gauge` and others, `REGISTRY.register`",
        "import prometheus_client",
        "metric = prometheus_client.Gauge('NAME', 'text')\nmetric.set(VERSION)",
        "{name: prometheus_client.REGISTRY.get_sample_value(name) for name in ('one', 'two') if prometheus_client.REGISTRY.get_sample_value(name)}",
        "raises",
    ),
    Case(
        "gin.configurables",
        "gin-config",
        "`gin.configurable`, `gin.register`, `gin.external_configurable`",
        "import gin",
        "@gin.configurable\ndef NAME(): return VERSION",
        "{name: gin.get_configurable(name)() for name in ('one', 'two') if gin.config._REGISTRY.matching_selectors(name)}",
        "raises",
    ),
    Case(
        "catalogue.functions",
        "catalogue",
        "`catalogue.Registry.register`, also of spaCy's and thinc's registries",
        "import catalogue\nLAYERS = catalogue.create('mine', 'layers')",
        "@LAYERS.register('NAME')\ndef make(): return VERSION",
        "{name: make() for name, make in LAYERS.get_all().items()}",
    ),
    Case(
        "sqlalchemy.tables",
        "SQLAlchemy",
        "`Table`, classes on a declarative base, also SQLModel's",
        "import sqlalchemy as sa\nmetadata = sa.MetaData()",
        "table = sa.Table('NAME', metadata, sa.Column('id', sa.Integer, primary_key=True), comment=str(VERSION))",
        "{name: int(table.comment) for name, table in metadata.tables.items()}",
        "raises",
    ),
    Case(
        "sqlalchemy.classes",
        "SQLAlchemy",
        "classes on a declarative base, which relationships know by name",
        "import sqlalchemy as sa, sqlalchemy.orm\nclass Base(sa.orm.DeclarativeBase): pass",
        "class NAME(Base):\n    __tablename__ = 'NAME'\n    id = sa.Column(sa.Integer, primary_key=True)\n    version = VERSION",
        "{name: kind.version for name, kind in Base.registry._class_registry.items() if name in ('one', 'two') and name in Base.metadata.tables}",
        "raises",
    ),
    Case(
        "tensorflow_datasets.builders",
        "tensorflow-datasets",
        "`class …(tfds.core.GeneratorBasedBuilder)`",
        "import tensorflow_datasets as tfds",
        "class Builder_(tfds.core.GeneratorBasedBuilder):\n    name, version = 'NAME', VERSION\n"
        "    VERSION = tfds.core.Version('1.0.0')\n    def _info(self): pass\n    def _split_generators(self, manager): pass\n"
        "    def _generate_examples(self): pass",
        "{name: kind.version for name, kind in tfds.core.registered._DATASET_REGISTRY.items() if name in ('one', 'two')}",
    ),
    Case(
        "torch.kl_divergences",
        "torch",
        "`torch.distributions.kl.register_kl`",
        "import torch\nfrom torch.distributions import Normal, kl\nclass one(Normal): pass\nclass two(Normal): pass\n"
        "def shown(name):\n    found = kl.kl_divergence(globals()[name](0., 1.), globals()[name](0., 1.))\n"
        "    return int(found) if int(found) else None",
        "@kl.register_kl(NAME, NAME)\ndef divergence(p, q): return torch.tensor(float(VERSION))",
        "{name: shown(name) for name in ('one', 'two') if shown(name)}",
    ),
    Case(
        "torch.tree_nodes",
        "torch",
        "`torch.utils._pytree.register_pytree_node`",
        "import torch.utils._pytree as tree\nclass one: pass\nclass two: pass",
        "tree.register_pytree_node(NAME, lambda node: ([VERSION], None), lambda leaves, context: NAME())",
        "{kind.__name__: tree.tree_leaves(kind())[0] for kind in (one, two) if kind in tree.SUPPORTED_NODES}",
        "raises",
    ),
    Case(
        "torch.safe_globals",
        "torch",
        "`torch.serialization.add_safe_globals`",
        "import torch.serialization",
        "class NAME:\n    version = VERSION\ntorch.serialization.add_safe_globals([NAME])",
        "dict(sorted((kind.__name__, kind.version) for kind in torch.serialization.get_safe_globals() if kind.__name__ in ('one', 'two')))",
    ),
    Case(
        "hydra.instance",
        "hydra-core",
        "`hydra.initialize`",
        "import hydra, os, tempfile\nfrom hydra.core.global_hydra import GlobalHydra\nfolders = {}\n"
        "for name in ('one', 'two'):\n    for version in (1, 2):\n"
        "        folders[name, version] = tempfile.mkdtemp(suffix=f'_{name}_{version}')",
        "hydra.initialize_config_dir(folders['NAME', VERSION], version_base=None)",
        "{p[-5:-2]: int(p[-1]) for found in [GlobalHydra.instance().hydra] if found for p in [found.config_loader.get_search_path().get_path()[1].path]}",
        "raises",
    ),
    Case(
        "flask.routes",
        "Flask",
        "`@app.route`, `app.add_url_rule`, before the first request",
        "import flask\napp = flask.Flask('mine')\n"
        "def shown(name):\n    adapter = app.url_map.bind('localhost')\n"
        "    return adapter.test(f'/{name}/3') and app.view_functions[adapter.match(f'/{name}/3')[0]](3)",
        "@app.route('/NAME/<int:number>')\n@app.route('/NAME')\ndef NAME(number=0): return VERSION",
        "{name: shown(name) for name in ('one', 'two') if shown(name)}",
        "raises",
    ),
    Case(
        "flask.blueprints",
        "Flask",
        "`app.register_blueprint`",
        "import flask\nblue = flask.Flask('blue')",
        "part = flask.Blueprint('NAME', 'mine')\n@part.before_request\ndef before(): pass\n"
        "@part.route('/NAME')\ndef view(): return VERSION\nblue.register_blueprint(part)",
        "{name: blue.view_functions[f'{name}.view']() for name in blue.blueprints if len(blue.before_request_funcs[name]) == 1}",
        "raises",
    ),
    Case(
        "hydra.configs",
        "hydra-core",
        "`ConfigStore.instance().store`",
        "import hydra.core.config_store\nstore = hydra.core.config_store.ConfigStore.instance()",
        "store.store('NAME', {'version': VERSION}, group='mine/of')",
        "{name[:3]: store.load(f'mine/of/{name}').node.version for name in (store.list('mine/of') if store._open('mine/of') else ())}",
    ),
    Case(
        "dash.callbacks",
        "dash",
        "`@app.callback`, `app.clientside_callback`",
        "import dash\napp_of_dash = dash.Dash('mine')",
        "@app_of_dash.callback(dash.Output('NAME', 'children'), dash.Input('in', 'value'))\ndef update(value): return VERSION",
        "{each['output'][:3]: app_of_dash.callback_map[each['output']]['callback'].__wrapped__(0) for each in app_of_dash._callback_list}",
    ),
    Case(
        "dash.global_callbacks",
        "dash",
        "`@dash.callback`, `dash.clientside_callback`",
        "import dash",
        "@dash.callback(dash.Output('NAME', 'children'), dash.Input('in', 'value'))\ndef update(value): return VERSION",
        "{each['output'][:3]: dash._callback.GLOBAL_CALLBACK_MAP[each['output']]['callback'].__wrapped__(0) for each in dash._callback.GLOBAL_CALLBACK_LIST}",
    ),
    Case(
        "detectron2.datasets",
        "detectron2",
        "`DatasetCatalog.register`",
        "from detectron2.data.catalog import DatasetCatalog",
        "DatasetCatalog.register('NAME', lambda: [VERSION])",
        "{name: DatasetCatalog.get(name)[0] for name in ('one', 'two') if name in DatasetCatalog}",
        "raises",
    ),
    Case(
        "detectron2.metadata",
        "detectron2",
        "`MetadataCatalog.get(…).set`, or an assignment to an attribute",
        "from detectron2.data.catalog import MetadataCatalog",
        "MetadataCatalog.get('mine').NAME = VERSION",
        "{name: each for name, each in MetadataCatalog.get('mine').as_dict().items() if name != 'name'}",
        "raises if edited",
    ),
    Case(
        "altair.plugins",
        "altair",
        "`alt.theme.register`, `alt.renderers.register`, `alt.data_transformers.register`",
        "import altair",
        "@altair.theme.register('NAME', enable=False)\ndef theme(): return {'version': VERSION}",
        "{name: altair.theme._themes._plugins[name]()['version'] for name in altair.theme.names() if name in ('one', 'two')}",
    ),
    Case(
        "bokeh.models",
        "bokeh",
        "`class …(bokeh.model.Model)`",
        "import bokeh.model",
        "class NAME(bokeh.model.Model): version = VERSION",
        "{name.rpartition('.')[2]: kind.version for name, kind in bokeh.model.Model.model_class_reverse_map.items() if kind.__name__ in ('one', 'two')}",
    ),
    Case(
        "transformers.configs",
        "transformers",
        "`AutoConfig.register`",
        "import transformers",
        "class Config(transformers.PretrainedConfig): model_type, version = 'NAME', VERSION\ntransformers.AutoConfig.register('NAME', Config)",
        "{name: kind.version for name, kind in transformers.models.auto.configuration_auto.CONFIG_MAPPING._extra_content.items()}",
    ),
    Case(
        "transformers.classes",
        "transformers",
        "`AutoModel.register` and other Auto classes'",
        "import transformers\nkinds = {name: type(name, (transformers.PretrainedConfig,), {}) for name in ('one', 'two')}\n"
        "made = transformers.models.auto.modeling_auto.MODEL_MAPPING",
        "class Model(transformers.PreTrainedModel): config_class, version = kinds['NAME'], VERSION\n"
        "transformers.AutoModel.register(kinds['NAME'], Model)",
        "{name: made[kind].version for name, kind in kinds.items() if kind in made._extra_content}",
    ),
]
